"""The views that people read: declared here, with SQL and comments in `sql/views/`."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.ddl import view_file


@dataclass(frozen=True)
class View:
    """A view: its name, the column that identifies its rows, and the tables it is made of."""

    name: str
    key: str
    made_of: tuple[str, ...]


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view as the database has it: name, SQL type and comment."""

    name: str
    type: str
    comment: str | None


VIEWS = (
    View("vw_movie_latest", "movie_id", ("fact_movie_daily", "dim_movie")),
    View("vw_top_movies", "rank", ("fact_movie_daily", "dim_movie")),
    View("vw_genre_popularity", "genre_id", ("fact_movie_daily", "dim_genre", "bridge_movie_genre")),
    View("vw_continent_popularity", "continent", ("fact_movie_daily", "dim_country", "bridge_movie_country")),
    View("vw_trending_movies", "movie_id", ("fact_movie_daily", "dim_movie")),
    View("vw_load_status", "date_id", ("fact_movie_daily",)),
)

COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
from pg_attribute as a
where a.attrelid = to_regclass(:name) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


def grain_of(name: str) -> str:
    """The comment of a view in its SQL file."""
    text = view_file(name).read_text(encoding="utf-8")
    literal = text.split(f"comment on view {name} is", 1)[1].split(";", 1)[0]
    return "".join(part.strip("' ") + " " for part in literal.strip().splitlines()).replace("''", "'").strip()


def view_columns(connection: sa.Connection, name: str) -> list[ViewColumn]:
    """The columns of a view that was applied to this database, in order."""
    return [ViewColumn(*row) for row in connection.execute(sa.text(COLUMNS), {"name": name})]
