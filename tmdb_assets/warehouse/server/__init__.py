"""The Postgres server, embedded or external: its addresses, databases and connections."""
