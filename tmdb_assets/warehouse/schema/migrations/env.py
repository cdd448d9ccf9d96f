"""Alembic's way in: runs the steps on the connection, and inside the transaction, that `warehouse.upgrade` gives it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="schema_version")
context.run_migrations()
