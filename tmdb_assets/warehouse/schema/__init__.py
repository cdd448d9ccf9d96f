"""The declarations of tables and views, and what Postgres is given of them."""
