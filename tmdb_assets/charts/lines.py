"""Lines over days, each labelled at its end, for charts over time.

The plot fills the page's width; a day without a figure is a gap. The labels stand as near to the ends of their lines as
they can without touching, and a leader joins each to its line, so that the colours are only a help.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.axes import round_ticks, spread_labels, value_grid
from tmdb_assets.charts.notice import words_at
from tmdb_assets.charts.theme import BAR, FALL, HEADER_SIZE, INK, QUIET, TILE, WIDTH, Page, at
from tmdb_assets.charts.values import Datum

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito's palette with a grey in place of its yellow, which is lost on white.
COLOURS = (BAR, FALL, "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9", "#767676")
LABEL_WIDTH = 24
"""How wide a label may be, in columns."""
NO_HISTORY = "No history yet"

_HEIGHT = 300
_LEFT = 52
_RIGHT = 446
_LABEL_X = 474
_LABEL_GAP = 22
_DAY_STEPS = (1, 2, 3, 5, 7, 14, 30, 61, 91, 182)


def labelled_lines(
    page: Page, points: Sequence[Datum], days: Sequence[str], advice: Sequence[str], unit: str = ""
) -> alt.LayerChart:
    """Return the chart of `points`; where there is a single day, it says so in words, with `advice`.

    A point holds: line (0 to 7, its colour), day (position in `days`), value (None: a gap), is_dot, is_newest (its
    line's end, once a line), label, and what the tooltip shows: title, date. `unit` stands behind the axis's values.
    """
    top, bottom = page.top + 10, page.top + 10 + _HEIGHT
    last = len(days) - 1
    ticks = round_ticks(max(point["value"] or 0 for point in points))
    # A single day stands at the right, beside its labels.
    x_scale = alt.Scale(domain=[0, last] if last else [-1, 0], range=[_LEFT, _RIGHT], nice=False)
    y_scale = alt.Scale(domain=[0, ticks[-1]], range=[bottom, top], nice=False)
    x = alt.X("day:Q", axis=None, scale=x_scale)
    y = alt.Y("value:Q", axis=None, scale=y_scale)
    newest = [point for point in points if point["is_newest"]]
    labels = spread_labels(newest, ticks[-1] * _LABEL_GAP / _HEIGHT, ticks[-1])
    layers = [
        *value_grid(ticks, y, _LEFT, _RIGHT, unit),
        *_day_labels(days, x, bottom),
        *_lines(points, x, y, labels, alt.Y("label_at:Q", axis=None, scale=y_scale)),
        *([] if last else _no_history(top, advice)),
    ]
    return page.compose(layers, bottom + 30)


def _lines(points: Sequence[Datum], x: alt.X, y: alt.Y, labels: list[Datum], label_at: alt.Y) -> list[alt.Chart]:
    """The lines, their dots, and the labels with their leaders."""
    scale = alt.Scale(domain=list(range(len(COLOURS))), range=list(COLOURS))
    colour = alt.Color("line:O", legend=None, scale=scale)
    tooltip = [alt.Tooltip(name) for name in ("title:N", "date:N", "value:Q")]
    base = alt.Chart(alt.InlineData(values=list(points))).encode(x=x, y=y, color=colour, tooltip=tooltip)
    ends = alt.Chart(alt.InlineData(values=labels))
    return [
        ends.mark_rule(strokeWidth=1.25).encode(x=x, y=y, y2="label_at:Q", color=colour, **at(x2=_LABEL_X - 5)),
        base.mark_line(strokeWidth=2.5, strokeJoin="round", invalid="break-paths-show-path-domains"),
        base.transform_filter("datum.is_dot").mark_circle(size=46, opacity=1),
        ends.mark_text(limit=WIDTH - _LABEL_X).encode(y=label_at, text=alt.Text("label:N"), **at(x=_LABEL_X)),
    ]


def _no_history(top: int, advice: Sequence[str]) -> list[alt.Chart]:
    left, right = _LEFT + 24, _RIGHT - 56
    box = alt.Chart(alt.InlineData(values=[{}])).mark_rect(color=TILE, cornerRadius=6)
    place = at(x=left, x2=right, y=top + 62, y2=top + 132 + 22 * len(advice))
    return [box.encode(**place), *words_at((left + right) / 2, top + 94, NO_HISTORY, *advice)]


def _day_labels(days: Sequence[str], x: alt.X, bottom: int) -> list[alt.Chart]:
    """At most six dates below the plot, counted back from the newest."""
    last = len(days) - 1
    step = next((step for step in _DAY_STEPS if last / step <= 5), max(1, math.ceil(last / 5)))
    form = "%d %b" if last < 365 else "%b %Y"
    shown = [
        {"day": day, "date_label": dt.date.fromisoformat(days[day]).strftime(form).lstrip("0")}
        for day in range(last, -1, -step)
    ]
    base = alt.Chart(alt.InlineData(values=shown)).encode(x=x)
    return [
        base.mark_rule(color=QUIET).encode(**at(y=bottom, y2=bottom + 5)),
        base.mark_text(align="center", color=QUIET, fontSize=HEADER_SIZE).encode(
            text=alt.Text("date_label:N"), **at(y=bottom + 18)
        ),
    ]
