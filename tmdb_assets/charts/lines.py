"""Lines over days, each labelled at its end.

A day without a figure is a gap. A leader joins each label to its line, so that colours need not be distinguished.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.direct_labels import LABELS_WIDTH, direct_labels, spread_labels
from tmdb_assets.charts.theme import AXIS_WIDTH, BAR, FALL, INK, WIDTH, notice
from tmdb_assets.language import mark, tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tmdb_assets.charts.theme import Page
    from tmdb_assets.charts.values import Datum

# Okabe and Ito's palette with grey in place of its yellow, which cannot be seen on white.
COLOURS = (BAR, FALL, "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9", "#767676")
NO_HISTORY = mark("No history yet")
HISTORY_ADVICE = (mark("It grows with each daily load."), mark("To fill earlier days now:"), "tmdb-assets backfill")

_HEIGHT = 300
_PLOT_WIDTH = WIDTH - AXIS_WIDTH - LABELS_WIDTH
_ONE_DAY_WIDTH = 40
_MOST_DATES = 6


@dataclass(frozen=True)
class Line:
    """A line: its name, the labels of `name_labels`, and its value by day (YYYY-MM-DD); None is a gap.

    `has_dots`: every day has a dot, not only the newest and those between gaps.
    """

    title: str | None
    labels: Mapping[str, str]
    values: Mapping[str, float | None]
    has_dots: bool = False

    def points(self, number: int) -> list[Datum]:
        """One point per day; `number` (0 to 7) chooses the colour."""
        days = sorted(self.values)
        known = [False, *(self.values[day] is not None for day in days), False]
        newest = max(day for day in days if self.values[day] is not None)
        return [
            {
                **self.labels,
                "line": number,
                "title": self.title,
                "date": day,
                "day": day,  # the axis parses it to a time; `date` stays text for the tooltip
                "value": self.values[day],
                "is_dot": self.has_dots or day == newest or known[place : place + 3] == [False, True, False],
                "is_newest": day == newest,
            }
            for place, day in enumerate(days)
        ]


def labelled_lines(page: Page, lines: Sequence[Line], unit: str = "") -> alt.VConcatChart:
    """Return the picture of at most 8 lines; a single day is shown as dots, with a note on how to load more.

    `unit` follows the values of the axis.
    """
    points = [point for number, line in enumerate(lines) for point in line.points(number)]
    days = sorted({point["date"] for point in points})
    highest = max(point["value"] or 0 for point in points) or 1
    spread_labels([point for point in points if point["is_newest"]], _HEIGHT, highest)
    width = _PLOT_WIDTH if len(days) > 1 else _ONE_DAY_WIDTH
    x = alt.X("day:T", axis=_date_axis(days), scale=alt.Scale(type="utc"))
    values = alt.Axis(grid=True, tickCount=5, labelExpr=f"format(datum.value, ',') + '{unit}'")
    y = alt.Y("value:Q", axis=values, scale=alt.Scale(domain=[0, highest], nice=False))
    colour = alt.Color("line:O", legend=None, scale=alt.Scale(domain=list(range(len(COLOURS))), range=list(COLOURS)))
    tooltip = [alt.Tooltip(name) for name in ("title:N", "date:N", "value:Q")]
    base = alt.Chart().encode(x=x, y=y, color=colour, tooltip=tooltip)
    leaders, labels = direct_labels(x, y, width, color=colour)
    layers = [
        leaders,
        base.mark_line(strokeWidth=2.5, strokeJoin="round", invalid="break-paths-show-path-domains"),
        base.transform_filter("datum.is_dot").mark_circle(size=46, opacity=1),
        labels,
    ]
    plot = alt.LayerChart(layer=layers, width=width, height=_HEIGHT)
    if len(days) > 1:
        return page.compose(points, plot)
    return page.compose(
        points, notice(_PLOT_WIDTH - _ONE_DAY_WIDTH, _HEIGHT, tr(NO_HISTORY), *map(tr, HISTORY_ADVICE)), plot
    )


def _date_axis(days: Sequence[str]) -> alt.Axis:
    """At most six dates, counted back from the newest."""
    first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
    span = (last - first).days
    step = max(1, math.ceil(span / (_MOST_DATES - 1)))
    shown = [(last - dt.timedelta(days=ago)).isoformat() for ago in range(0, span + 1, step)]
    return alt.Axis(format="%-d %b" if span < 365 else "%b %Y", ticks=True, values=shown)
