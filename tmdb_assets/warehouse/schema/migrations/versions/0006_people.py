"""Cast, crew, keywords and releases: `dim_movie` says on which day each was last replaced. Their tables are new."""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = ("credits_date", "keywords_date", "releases_date")


def upgrade() -> None:
    """Add the three dates to `dim_movie`; NULL, as earlier details came without these parts."""
    op.execute("alter table dim_movie " + ", ".join(f"add column {name} date" for name in COLUMNS))


def downgrade() -> None:
    """Drop the three dates again, for the rows of a backup of the step before."""
    op.execute("alter table dim_movie " + ", ".join(f"drop column {name}" for name in COLUMNS))
