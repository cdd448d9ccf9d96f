"""Alembic's entry point: runs the steps on the connection, and in the transaction, of `schema.upgrade`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="schema_version")
context.run_migrations()
