"""Axes and labels that charts share.

Values stand at round steps from zero, each with a line across the plot. Labels beside a plot stand as near to what they
name as they can without touching.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.theme import HEADER_SIZE, LINE, QUIET, at
from tmdb_assets.charts.values import Datum

if TYPE_CHECKING:
    from collections.abc import Sequence


def round_ticks(highest: float) -> list[float]:
    """Return values from zero to at least `highest` in at most six equal steps of a round size."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if highest / (size * power) <= 5)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def value_grid(ticks: Sequence[float], y: alt.Y, left: int, right: int, unit: str = "") -> list[alt.Chart]:
    """Return a line at each value from `left` to `right`, in px, and the value with its unit at its left.

    `y` is the encoding of a field `value`.
    """
    rows = [{"value": tick, "tick": f"{tick:,.6g}{unit}"} for tick in ticks]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    return [
        base.mark_rule(color=LINE).encode(**at(x=left, x2=right)),
        base.mark_text(align="right", color=QUIET, fontSize=HEADER_SIZE).encode(
            text=alt.Text("tick:N"), **at(x=left - 8)
        ),
    ]


def spread_labels(points: Sequence[Datum], gap: float, top: float) -> list[Datum]:
    """Return the points from the lowest up with `label_at`: as near to `value` as `gap` allows, from zero to `top`."""
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
