"""Exports what readers may read as Parquet files, one consistent state at a time."""
