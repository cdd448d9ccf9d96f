"""`movie_features` as an exported table by month: its declaration, and a digest of what its rows depend on.

These are the facts of the month and of the 28 days before, and the states of films that overlap the month.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.ddl import function_file
from tmdb_assets.warehouse.schema.history import movie_history
from tmdb_assets.warehouse.schema.views import FUNCTIONS, function_columns, function_grain

NAME = "movie_features"
DAYS_BEFORE = 28  # the longest lag
TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "bigint": sa.BigInteger,
    "integer": sa.Integer,
    "double precision": sa.Double,
    "text": sa.Text,
    "date": sa.Date,
    "boolean": sa.Boolean,
}
# A state's row also changes when a later day confirms or ends it: neither concerns the days before.
STATES = """
select sum(hashtextextended(row({columns}, least(h.valid_to, date '{after}'))::text, 0))::text
from movie_history as h
where h.valid_from <= date '{last}' and (h.valid_to is null or h.valid_to > date '{first}')
"""
OF_LATER_DAYS = {"valid_to", "confirmed_dates"}


@cache
def features_table() -> sa.Table:
    """The function's result as a table; only its key is declared to have no NULL."""
    (function,) = (each for each in FUNCTIONS if each.name == NAME)
    key = function.key.split(", ")
    columns = [
        sa.Column(
            col.name, _type(col.type), primary_key=col.name in key, nullable=col.name not in key, comment=col.comment
        )
        for col in function_columns(function)
    ]
    return sa.Table(NAME, sa.MetaData(), *columns, comment=function_grain(function), info={"partition_unit": "month"})


def _type(name: str) -> sa.types.TypeEngine[Any]:
    item = TYPES[name.removesuffix("[]")]
    return sa.ARRAY(item) if name.endswith("[]") else item()


def read_sources(connection: sa.Connection, first: dt.date, last: dt.date) -> list[str | None]:
    """The function itself, and a digest of the states of films as these days see them."""
    columns = ", ".join(f"h.{col.name}" for col in movie_history.columns if col.name not in OF_LATER_DAYS)
    query = STATES.format(columns=columns, first=first, last=last, after=last + dt.timedelta(days=1))
    return [function_file(NAME).read_text(encoding="utf-8"), connection.scalar(sa.text(query))]
