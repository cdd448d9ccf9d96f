"""What the page is made of, as it is read: rows and arrays, which another process can be given. Imports no pandas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

Rows: TypeAlias = tuple[list[str], list[tuple[Any, ...]]]
"""The result of a query: the names of its columns, and its rows."""


@dataclass(frozen=True)
class PageRows:
    """The rows of `page_data.Figures`, with their columns; `films` also has n_films, `history` is an array for each."""

    snapshot_date: dt.date | None
    films: Rows
    genres: Rows
    countries: Rows
    languages: Rows
    people: Rows
    details: Rows
    queries: Mapping[str, str]
    history: Mapping[str, Any]
