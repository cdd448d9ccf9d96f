"""`python -m benchmarks.peers`: days of films, good and troubled, loaded by the platform, by dlt and by a script."""
