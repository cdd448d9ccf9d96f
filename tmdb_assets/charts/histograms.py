"""How the films spread: a bar for each range of a measure, in the order of the ranges.

Both charts take `snapshot_date` and `is_sample` like the charts of `figures.py`, and a frame with one row a range: its
lower bound `at_least` and `n_movies`. A range without a row has no films. The row without a bound counts the films of
which the measure is unknown; they are told below, not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.axes import round_ticks, value_grid
from tmdb_assets.charts.labels import format_count
from tmdb_assets.charts.theme import BAR, HEADER_SIZE, QUIET, WIDTH, Page, at
from tmdb_assets.charts.values import Datum, conform_rows, to_number

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

_LEFT = 62
_HEIGHT = 280
_BAR_GAP = 2


@dataclass(frozen=True)
class Ranges:
    """The ranges that a histogram shows, all of one width, from zero; `ticks` are the bounds with a label."""

    width: float
    number: int
    ticks: tuple[int, ...]
    is_last_open: bool = False

    def describe(self, position: int) -> str:
        """The range at a place in words, for the tooltip."""
        low, high = (f"{self.width * bound:g}" for bound in (position, position + 1))
        if position < self.number - 1:
            return f"{low} to under {high}"
        return f"{low} or more" if self.is_last_open else f"{low} to {high}"


RATINGS = Ranges(0.5, 20, tuple(range(11)))
"""Mean ratings from 0 to 10; the last range has 10 in it."""
RUNTIMES = Ranges(10, 25, tuple(range(0, 241, 30)), is_last_open=True)
"""Minutes; the last range has all from four hours on."""


def rating_distribution(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return the number of films by mean rating, in steps of half a point."""
    page = Page("Films by mean rating", "Number of films by mean rating, 0 to 10", snapshot_date, is_sample)
    return _histogram(page, frame, RATINGS, "no votes", "Mean rating")


def runtime_distribution(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return the number of films by runtime, in steps of ten minutes."""
    page = Page("Films by runtime", "Number of films by runtime in minutes", snapshot_date, is_sample)
    return _histogram(page, frame, RUNTIMES, "no known runtime", "Minutes")


def _histogram(page: Page, frame: pd.DataFrame, ranges: Ranges, unknown: str, axis: str) -> alt.LayerChart:
    rows = conform_rows(frame, {"at_least": to_number, "n_movies": to_number})
    if not rows:
        return page.empty()
    page.notes.append(_count_note(rows, unknown))
    top, bottom = page.top + 10, page.top + 10 + _HEIGHT
    bars = _bars(rows, ranges)
    ticks = round_ticks(max((bar["value"] for bar in bars), default=0))
    y = alt.Y("value:Q", axis=None, scale=alt.Scale(domain=[0, ticks[-1]], range=[bottom, top], nice=False))
    x_scale = alt.Scale(domain=[0, ranges.number * ranges.width], range=[_LEFT, WIDTH - 1], nice=False)
    step = (WIDTH - 1 - _LEFT) / ranges.number
    base = alt.Chart(alt.InlineData(values=bars)).encode(x=alt.X("middle:Q", axis=None, scale=x_scale), y=y)
    layers = [
        *value_grid([tick for tick in ticks if tick == round(tick)], y, _LEFT, WIDTH),
        base.mark_bar(color=BAR, width=step - _BAR_GAP).encode(
            tooltip=[alt.Tooltip("range:N", title=axis), alt.Tooltip("value:Q", title="Films")]
        ),
        *_bounds(ranges, x_scale, bottom),
    ]
    return page.compose(layers, bottom + 30)


def _count_note(rows: list[Datum], unknown: str) -> str:
    shown = sum(row["n_movies"] or 0 for row in rows if row["at_least"] is not None)
    left_out = sum(row["n_movies"] or 0 for row in rows if row["at_least"] is None)
    films = "1 film" if shown == 1 else f"{format_count(shown)} films"
    if not left_out:
        return f"{films}."
    have = "1 more has" if left_out == 1 else f"{format_count(left_out)} more have"
    return f"{films}; {have} {unknown}."


def _bars(rows: list[Datum], ranges: Ranges) -> list[Datum]:
    """A bar for each range that has films; its `middle` is on the scale of the measure."""
    films: dict[int, float] = {}
    for row in rows:
        if row["at_least"] is None:
            continue
        position = int(row["at_least"] / ranges.width)
        if not 0 <= position < ranges.number:
            raise ValueError(f"at_least={row['at_least']} is outside of the ranges.")
        films[position] = films.get(position, 0) + (row["n_movies"] or 0)
    return [
        {"middle": (position + 0.5) * ranges.width, "value": number, "range": ranges.describe(position)}
        for position, number in sorted(films.items())
    ]


def _bounds(ranges: Ranges, scale: alt.Scale, bottom: int) -> list[alt.Chart]:
    """The base line, and the bounds of ranges below it."""
    last = ranges.ticks[-1]
    rows = [
        {"bound": tick, "bound_label": f"{tick}+" if ranges.is_last_open and tick == last else str(tick)}
        for tick in ranges.ticks
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("bound:Q", axis=None, scale=scale))
    # The last bound of closed ranges is the edge of the view: its label ends there.
    ends_at_edge = "datum.bound" + ("< 0" if ranges.is_last_open else f"== {last}")
    text: dict[str, Any] = {"color": QUIET, "fontSize": HEADER_SIZE}
    place = {**at(y=bottom + 18), "text": alt.Text("bound_label:N")}
    return [
        alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=QUIET).encode(**at(x=_LEFT, x2=WIDTH, y=bottom)),
        base.mark_rule(color=QUIET).encode(**at(y=bottom, y2=bottom + 5)),
        base.transform_filter(f"!({ends_at_edge})").mark_text(align="center", **text).encode(**place),
        base.transform_filter(ends_at_edge).mark_text(align="right", **text).encode(**place),
    ]
