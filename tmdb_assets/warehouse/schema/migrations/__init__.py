"""The steps that upgrade a warehouse of an earlier release (Alembic).

A step is frozen: it never reads today's declarations. A new warehouse runs no steps; it is made from the declarations
(`schema.ddl`) and marked as being at `HEAD`. A step's `downgrade` is only for new, empty databases: it gives their
tables the columns of an older backup. A step that changes or drops a column that
`movie_features` reads drops the function first; it is made again after the steps.
"""

HEAD = "0011"
"""The newest step."""

DROPPED_TABLES = {"latest_change"}
DROPPED_FUNCTIONS = {
    "grant_privileges",
    "newest_films",
    "note_changed_rows",
    "note_latest_change",
    "note_newest_day",
    "popularity_totals",
    "top_movies",
}
"""What backups of earlier steps still hold."""
