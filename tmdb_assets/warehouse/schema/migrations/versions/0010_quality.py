"""The record of each day's quality. Its tables are new and fill from the next run on."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Change nothing: no other table is different."""


def downgrade() -> None:
    """Drop the tables, which a backup of the step before does not have."""
    op.execute("drop table quality_measure, check_result")
