"""Lines over days, each labelled at its end, for charts over time.

The plot fills the page's width; a day without a figure is a gap. The labels stand as near to the ends of their lines as
they can without touching, and a leader joins each to its line, so that the colours are only a help.
"""

from __future__ import annotations

import datetime as dt
import math
from statistics import fmean
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.conform import Row
from tmdb_assets.charts.theme import BAR, HEADER_SIZE, INK, LINE, QUIET, TILE, WIDTH, Page, at, text_at

if TYPE_CHECKING:
    from collections.abc import Sequence

FALL = "#D55E00"
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


def labelled_lines(page: Page, points: Sequence[Row], days: Sequence[str], advice: Sequence[str]) -> alt.LayerChart:
    """Return the chart of `points`; where there is a single day, it says so in words, with `advice`.

    A point holds: film (0 to 7, its colour), day (position in `days`), value (None: a gap), is_dot, is_newest (its
    line's end, once a film), label, and what the tooltip shows: title, date.
    """
    top, bottom = page.top + 10, page.top + 10 + _HEIGHT
    last = len(days) - 1
    ticks = _ticks(max(point["value"] or 0 for point in points))
    # A single day stands at the right, beside its labels.
    x_scale = alt.Scale(domain=[0, last] if last else [-1, 0], range=[_LEFT, _RIGHT], nice=False)
    y_scale = alt.Scale(domain=[0, ticks[-1]], range=[bottom, top], nice=False)
    x = alt.X("day:Q", axis=None, scale=x_scale)
    y = alt.Y("value:Q", axis=None, scale=y_scale)
    newest = [point for point in points if point["is_newest"]]
    labels = _spread(newest, ticks[-1] * _LABEL_GAP / _HEIGHT, ticks[-1])
    layers = [
        *_grid(ticks, y),
        *_day_labels(days, x, bottom),
        *_films(points, x, y, labels, alt.Y("label_at:Q", axis=None, scale=y_scale)),
        *([] if last else _no_history(top, advice)),
    ]
    return page.compose(layers, bottom + 30)


def _films(points: Sequence[Row], x: alt.X, y: alt.Y, labels: list[Row], label_at: alt.Y) -> list[alt.Chart]:
    """The lines, their dots, and the labels with their leaders."""
    scale = alt.Scale(domain=list(range(len(COLOURS))), range=list(COLOURS))
    colour = alt.Color("film:O", legend=None, scale=scale)
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


def _grid(ticks: Sequence[float], y: alt.Y) -> list[alt.Chart]:
    rows = [{"value": tick, "tick": f"{tick:,.6g}"} for tick in ticks]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    return [
        base.mark_rule(color=LINE).encode(**at(x=_LEFT, x2=_RIGHT)),
        base.mark_text(align="right", color=QUIET, fontSize=HEADER_SIZE).encode(
            text=alt.Text("tick:N"), **at(x=_LEFT - 8)
        ),
    ]


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


def _ticks(highest: float) -> list[float]:
    """From zero to at least `highest` in at most six equal steps of a round size."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if highest / (size * power) <= 5)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def _spread(points: Sequence[Row], gap: float, top: float) -> list[Row]:
    """The points with `label_at`: as near to their own values as a distance of `gap` allows, from zero to `top`."""
    points = sorted(points, key=lambda point: point["value"])
    groups: list[list[float]] = []  # labels that stand `gap` apart, as their values less what the distance adds
    for number, point in enumerate(points):
        groups.append([point["value"] - number * gap])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    room = max(top - (len(points) - 1) * gap, 0)
    starts = [min(max(fmean(group), 0), room) for group in groups for _ in group]
    return [
        {**point, "label_at": start + number * gap}
        for number, (point, start) in enumerate(zip(points, starts, strict=True))
    ]


def words_at(x: float, y: float, headline: str, *lines: str) -> list[alt.Chart]:
    """Return a headline and lines below it, centred on a place of the view, in px."""
    return [
        text_at([{"text": headline}], "text", x=x, y=y, align="center", fontSize=24, fontWeight="bold"),
        text_at([{"text": "\n".join(lines)}], "text", x=x, y=y + 34, align="center", lineBreak="\n", lineHeight=22),
    ]
