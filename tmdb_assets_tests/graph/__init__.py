"""Tests of the Dagster graph in this process, over a fake client and a real Postgres; folders as in the package."""
