"""What dagster.yaml names: Dagster's storage and the launcher of its runs. The only room with its private modules."""
