"""A popularity has an upper bound, so that sums, squares and ratios of it fit a number."""

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = ("raw_discover", "raw_export", "fact_movie_daily")


def upgrade() -> None:
    """Add the bound; what is stored is checked."""
    for name in TABLES:
        bound = f"constraint ck_{name}_popularity_at_most check (popularity <= 1000000000)"
        op.execute(f"alter table {name} add {bound}")


def downgrade() -> None:
    """Take the bound away, for a backup of the step before."""
    for name in TABLES:
        op.execute(f"alter table {name} drop constraint ck_{name}_popularity_at_most")
