"""Assets that a setting adds: the Parquet export (EXPORT_DIR), and the digest that is sent (DIGEST)."""
