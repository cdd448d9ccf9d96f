"""What `make bench` runs: days of films against an API with latency, compared with a floor without any framework.

`films` and `catalogue` make the films and say what a correct load holds, `answers` and `fake_api` serve them, `floor`
is the baseline, `launch` runs the command on another day, `measure` times one process, `bench` runs and checks it,
`phases` shows where the time goes. `run_day` and `ingest` measure with all of these and print the figures.
"""
