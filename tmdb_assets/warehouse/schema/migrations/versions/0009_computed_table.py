"""Hashes of what is computed as a whole. The table is new, so the upgrade makes it from its declaration."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Change nothing: no other table is different."""


def downgrade() -> None:
    """Drop the table, which a backup of the step before does not have."""
    op.execute("drop table computed_table")
