"""Labels to the right of a plot, each as near to its point as it can be without touching another, with a leader.

Vega-Lite places no labels so that they do not overlap, so `spread_labels` does.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.values import Datum

if TYPE_CHECKING:
    from collections.abc import Sequence

LABELS_WIDTH = 222
"""Width of the labels with their leaders, in px."""
LABEL_COLUMNS = 24
"""How wide a label may be, in columns of `ellipsize`."""
_LEADER = 28
_LINE_HEIGHT = 22


def direct_labels(x: alt.X, y: alt.Y, width: float, **leader: Any) -> list[alt.Chart]:
    """Return two layers for a plot of `width` px: leaders, and the `label` of each point with a `label_at`, its height.

    `x` and `y` are the encodings of the points, `leader` more encodings of the leaders.
    """
    points = alt.Chart().transform_filter("isValid(datum.label_at)")
    to_label = {"x2": alt.X2Value(width + _LEADER - 5), "y2": alt.Y2("label_at:Q")}
    return [
        points.mark_rule(strokeWidth=1).encode(x=x, y=y, **to_label, **leader),
        points.mark_text(limit=LABELS_WIDTH - _LEADER).encode(
            x=alt.XValue(width + _LEADER), y=alt.Y("label_at:Q"), text=alt.Text("label:N")
        ),
    ]


def spread_labels(points: Sequence[Datum], height: float, top: float) -> None:
    """Set `label_at` of each point: as near to its `value` as it can be without touching another label.

    Both are on a linear scale from zero to `top`, `height` px high.
    """
    gap = top * _LINE_HEIGHT / height
    points = sorted(points, key=lambda point: point["value"])
    groups: list[list[float]] = []  # of touching labels: their values less the gaps below them
    for number, point in enumerate(points):
        groups.append([point["value"] - number * gap])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    room = max(top - (len(points) - 1) * gap, 0)
    starts = [min(max(fmean(group), 0), room) for group in groups for _ in group]
    for number, (point, start) in enumerate(zip(points, starts, strict=True)):
        point["label_at"] = start + number * gap
