"""Reads the result of each query in `sql/pictures`, and the day that it describes.

The queries read only what the role `tmdb_reader` may read: views, dimensions, bridges and the fact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.settings import SQL_DIR

if TYPE_CHECKING:
    import pandas as pd


def read_rows(
    connection: sa.Connection, name: str, parameters: Mapping[str, Any]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the result of `sql/pictures/NAME.sql` with these bind parameters: its columns' names, and its rows.

    Raises `sqlalchemy.exc.ArgumentError` for a parameter that the query does not have.
    """
    return query_rows(connection, _text_of(name), **parameters)


def query_rows(connection: sa.Connection, query: str, **parameters: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the result of a query: its columns' names, and its rows. Raises as `read_rows`."""
    found = connection.execute(sa.text(query).bindparams(**parameters))
    return list(found.keys()), list(map(tuple, found))


def read_picture(connection: sa.Connection, name: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """Return the result of `read_rows` as a frame. Imports pandas."""
    import pandas as pd

    return pd.read_sql_query(sa.text(_text_of(name)).bindparams(**parameters), connection)


def _text_of(name: str) -> str:
    return (SQL_DIR / "pictures" / f"{name}.sql").read_text(encoding="utf-8")


def read_newest_day(connection: sa.Connection) -> dt.date | None:
    """Return the newest loaded day (UTC), which is every picture's snapshot date; None before the first load."""
    day: dt.date | None = connection.scalar(sa.text("select max(date_id) from vw_load_status"))
    return day
