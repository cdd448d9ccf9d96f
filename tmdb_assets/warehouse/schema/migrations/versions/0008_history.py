"""The history of films. Its table is new: the first load fills it from the answers that are stored."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Change nothing: no other table is different."""


def downgrade() -> None:
    """Drop the table and the function that reads it, which a backup of the step before does not have."""
    op.execute("drop function if exists movie_features(date, date)")
    op.execute("drop table movie_history")
