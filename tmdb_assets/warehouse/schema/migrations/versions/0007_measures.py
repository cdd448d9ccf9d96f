"""The totals of genres and continents gain measures that do not depend on how many films are loaded.

The rows are deleted: the upgrade counts them again, with the new columns, in the same transaction.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = {
    "median_popularity": "double precision not null",
    "popularity_share": "double precision",
    "top_200_share": "double precision",
    "n_movies_with_votes": "bigint not null",
    "oldest_votes_date": "date",
    "avg_rating": "double precision",
    "votes_weighted_rating": "double precision",
}


def upgrade() -> None:
    """Add the measures to `popularity_total`."""
    op.execute("delete from popularity_total")
    added = ", ".join(f"add column {name} {kind}" for name, kind in COLUMNS.items())
    op.execute(f"alter table popularity_total {added}")


def downgrade() -> None:
    """Drop them again, for the rows of a backup of the step before."""
    op.execute("alter table popularity_total " + ", ".join(f"drop column {name}" for name in COLUMNS))
