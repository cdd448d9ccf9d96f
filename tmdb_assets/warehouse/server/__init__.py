"""The Postgres server: the embedded one or an external one, and the way to it."""
