"""One tiny round of each kind of benchmark, through its command; `make test-benchmarks` runs them, not `make test`."""
