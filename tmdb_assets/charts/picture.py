"""One declaration of a picture, and what its query reads.

The queries read what the role `tmdb_reader` may read: views, dimensions, bridges and the fact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.charts.side_tables import without_ids
from tmdb_assets.settings import SQL_DIR

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

NEWEST_DAY = "select max(date_id) from vw_load_status"


@dataclass(frozen=True)
class Picture:
    """A picture: its query is `sql/pictures/NAME.sql`, its chart the function of that name in `tmdb_assets.charts`.

    `shows` says in one sentence what is to be seen, `reads` names the views and tables that the query reads,
    `parameters` are the query's bind parameters with their defaults, `arrange` makes the table beside the picture, and
    `summarise` a narrower one where the Dagster UI has no room for it.
    """

    name: str
    room: str
    shows: str
    reads: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    arrange: Callable[[pd.DataFrame], pd.DataFrame] = without_ids
    summarise: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @property
    def title(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ").capitalize()

    @cached_property
    def query(self) -> str:
        """The SQL text, with bind parameters written `:name`."""
        return (SQL_DIR / "pictures" / f"{self.name}.sql").read_text(encoding="utf-8")

    def draw(
        self, frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, **options: Any
    ) -> alt.LayerChart:
        """Return the chart of what `read_frame` read; `options` are its function's own. Imports Altair."""
        chart = resolve_name(f"tmdb_assets.charts.{self.room}:{self.name}")
        drawn: alt.LayerChart = chart(frame, snapshot_date=snapshot_date, is_sample=is_sample, **options)
        return drawn


def read_frame(connection: sa.Connection, picture: Picture, **parameters: Any) -> pd.DataFrame:
    """Return the figures of a picture; `parameters` replace its defaults. Imports pandas.

    Raises TypeError for a parameter that the picture does not have.
    """
    import pandas as pd

    if unknown := sorted(parameters.keys() - picture.parameters.keys()):
        has = ", ".join(picture.parameters) or "none"
        raise TypeError(f"The picture {picture.name} has no parameter {', '.join(unknown)}; it has {has}.")
    return pd.read_sql_query(sa.text(picture.query), connection, params={**picture.parameters, **parameters})


def read_newest_day(connection: sa.Connection) -> dt.date | None:
    """Return the newest loaded day (UTC), which is every picture's snapshot date; None before the first load."""
    day: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
    return day
