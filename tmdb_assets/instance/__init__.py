"""What dagster.yaml names: Dagster's storage and the launcher of its runs."""
