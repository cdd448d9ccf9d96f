"""What `make bench` runs: days of films against an API with latency, beside a floor without any framework.

`films` and `catalogue` make the films and say what a right load holds, `answers` and `fake_api` serve them, `floor` is
what to compare with, `launch` is the command on another day, `measure` times one process, `bench` runs and checks it,
`phases` says where its seconds go. `run_day` and `ingest` do it all and print the figures.
"""
