"""One tiny round of each kind of benchmark, through its command; run by `make test-benchmarks`, not by `make test`."""
