"""What surrounds the function of every asset and check: its errors as Dagster's, its results on record."""
