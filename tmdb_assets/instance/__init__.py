"""What dagster.yaml names, Dagster's storage and launcher, and the UI's server. The only room with private modules."""
