"""Histograms: the number of films in each range of a measure.

The arguments are those of `figures.py`; `frame` holds one row per range: its lower bound `at_least`, and `n_movies`. A
range without a row has no films. The row without a bound counts the films whose measure is unknown; they are in a note
below the bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.labels import format_count
from tmdb_assets.charts.theme import AXIS_WIDTH, BAR, QUIET, WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows
from tmdb_assets.language import localised, tr, trn

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    import pandas as pd

_HEIGHT = 280
_PLOT_WIDTH = WIDTH - AXIS_WIDTH - 10  # half of the last bound's label reaches beyond the plot


@dataclass(frozen=True)
class Ranges:
    """The ranges of a histogram, from zero and all of one width; `ticks` are the bounds with a label."""

    width: float
    number: int
    ticks: tuple[int, ...]
    is_last_open: bool = False

    def describe(self, position: int) -> str:
        """The range at a position in words, for the tooltip."""
        low, high = (localised(f"{self.width * bound:g}") for bound in (position, position + 1))
        if position < self.number - 1:
            return tr("{low} to under {high}", low=low, high=high)
        return tr("{low} or more", low=low) if self.is_last_open else tr("{low} to {high}", low=low, high=high)


RATINGS = Ranges(0.5, 20, tuple(range(11)))
"""Mean ratings from 0 to 10; the last range includes 10."""
RUNTIMES = Ranges(10, 25, tuple(range(0, 241, 30)), is_last_open=True)
"""Minutes; the last range is four hours and more."""


def _without_votes(number: float) -> str:
    return trn("{number} more has no votes", "{number} more have no votes", number, number=format_count(number))


def _without_runtime(number: float) -> str:
    shown = format_count(number)
    return trn("{number} more has no known runtime", "{number} more have no known runtime", number, number=shown)


def rating_distribution(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return the number of films by mean rating, in steps of half a point."""
    page = Page(tr("Films by mean rating"), tr("Number of films by mean rating, 0 to 10"), snapshot_date, is_sample)
    return _histogram(page, frame, RATINGS, _without_votes, tr("Mean rating"))


def runtime_distribution(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return the number of films by runtime, in steps of ten minutes."""
    page = Page(tr("Films by runtime"), tr("Number of films by runtime in minutes"), snapshot_date, is_sample)
    return _histogram(page, frame, RUNTIMES, _without_runtime, tr("Minutes"))


def _histogram(
    page: Page, frame: pd.DataFrame, ranges: Ranges, unknown: Callable[[float], str], measure: str
) -> alt.VConcatChart:
    rows = conform_rows(frame, numbers=["at_least", "n_movies"])
    if not rows:
        return page.empty()
    page.notes.append(_count_note(rows, unknown))
    last = ranges.ticks[-1]
    bounds = alt.Axis(
        domain=True,
        domainColor=QUIET,
        labelExpr=f"datum.value == {last} ? '{last}+' : datum.label" if ranges.is_last_open else alt.Undefined,
        ticks=True,
        title=measure,
        values=list(ranges.ticks),
    )
    bars = _bars(rows, ranges)
    most = max((bar["films"] for bar in bars), default=0) or 1
    counts = alt.Axis(format="~s", grid=True, tickCount=min(5, most))
    marks = alt.Chart(width=_PLOT_WIDTH, height=_HEIGHT).mark_bar(color=BAR, binSpacing=2)
    plot = marks.encode(
        x=alt.X("at_least:Q", axis=bounds, bin="binned", scale=alt.Scale(domain=[0, ranges.number * ranges.width])),
        x2=alt.X2("under:Q"),
        y=alt.Y("films:Q", axis=counts, scale=alt.Scale(domain=[0, most])),
        tooltip=[alt.Tooltip("range:N", title=measure), alt.Tooltip("films:Q", title=tr("Films"))],
    )
    return page.compose(bars, plot)


def _count_note(rows: list[Datum], unknown: Callable[[float], str]) -> str:
    shown = sum(row["n_movies"] or 0 for row in rows if row["at_least"] is not None)
    left_out = sum(row["n_movies"] or 0 for row in rows if row["at_least"] is None)
    films = trn("{films} film", "{films} films", shown, films=format_count(shown))
    if not left_out:
        return f"{films}."
    return tr("{films}; {others}.", films=films, others=unknown(left_out))


def _bars(rows: list[Datum], ranges: Ranges) -> list[Datum]:
    """A bar for each range with films, from `at_least` to `under` on the scale of the measure."""
    films: dict[int, float] = {}
    for row in rows:
        if row["at_least"] is None:
            continue
        position = int(row["at_least"] / ranges.width)
        if not 0 <= position < ranges.number:
            raise ValueError(f"at_least={row['at_least']} is outside of the ranges.")
        films[position] = films.get(position, 0) + (row["n_movies"] or 0)
    return [
        {
            "at_least": position * ranges.width,
            "under": (position + 1) * ranges.width,
            "films": number,
            "range": ranges.describe(position),
        }
        for position, number in sorted(films.items())
    ]
