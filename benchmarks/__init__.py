"""What `make bench` runs: a day of films against an API with latency, beside a floor without any framework.

`films` makes the films and says what a right load holds, `fake_api` serves them, `floor` is what to compare with,
`measure` times one process, `phases` says where its seconds go, `run_day` does it all and prints the figures.
"""
