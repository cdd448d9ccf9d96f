"""What declares a picture: what it shows, the parameters of its query, its chart and its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    import altair as alt
    import pandas as pd


@dataclass(frozen=True)
class Picture:
    """A picture: its query is `sql/pictures/NAME.sql`, its chart the function NAME of `tmdb_assets.charts.MODULE`.

    `shows` says in one sentence what it shows, `reads` names the views and tables that the query reads, `arrange` makes
    the table next to the picture, `parameters` are the query's bind parameters with their defaults, and `summarise`
    makes a narrower table for the Dagster UI, where there is less space.
    """

    name: str
    module: str
    shows: str
    reads: tuple[str, ...]
    arrange: Callable[[pd.DataFrame], pd.DataFrame]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summarise: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @property
    def title(self) -> str:
        """The name with spaces and a capital."""
        return self.name.replace("_", " ").capitalize()

    def draw(
        self, frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool, **options: Any
    ) -> alt.VConcatChart:
        """Return the chart of the query's result; `options` are passed on to the chart's function. Imports Altair."""
        from altair.utils.schemapi import debug_mode

        chart = resolve_name(f"tmdb_assets.charts.{self.module}:{self.name}")
        with debug_mode(False):  # Altair would validate every step, at twice the time; the tests validate each picture
            drawn: alt.VConcatChart = chart(frame, snapshot_date=snapshot_date, is_sample=is_sample, **options)
        return drawn
