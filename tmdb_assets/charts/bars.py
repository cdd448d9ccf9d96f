"""A table with a column of bars and columns of text next to it.

Rows keep their order, and two rows of the same name stay two rows. Bars start at zero; negative ones go to the left. A
row whose measure is unknown has no bar and says so.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.labels import format_measure
from tmdb_assets.charts.theme import BAR, FALL, INK, QUIET
from tmdb_assets.language import mark, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tmdb_assets.charts.theme import Page
    from tmdb_assets.charts.values import Datum

NO_VALUE = mark("no data")
_ROW_HEIGHT = 30
_VALUE_WIDTH = 70
"""Room for the value at the end of the longest bar, in px."""


@dataclass(frozen=True)
class Column:
    """A column of text: its field, heading and width in px, of which `gap` px stay free on the right."""

    name: str
    heading: str
    width: int
    _: KW_ONLY
    is_right: bool = False
    is_quiet: bool = False
    gap: int = 10


@dataclass(frozen=True)
class Measure(Column):
    """The column of bars: its field, heading and width in px, and how to write a value."""

    write: Callable[[float], str] = format_measure


def table_of_bars(
    page: Page, rows: Sequence[Datum], columns: Sequence[Column], tooltip: Sequence[str]
) -> alt.VConcatChart:
    """Return the picture of these columns from left to right, `WIDTH` px in all.

    Adds the fields `row` (position from 0) and `value_label` (the measure as text) to the data.
    """
    (measure,) = (column for column in columns if isinstance(column, Measure))
    labelled = [
        {**row, "row": position, "value_label": tr(NO_VALUE) if value is None else measure.write(value)}
        for position, row in enumerate(rows)
        for value in [row[measure.name]]
    ]
    line_above = alt.Axis(grid=True, bandPosition=0, labels=False, minExtent=0)
    place = alt.Y("row:O", axis=line_above, scale=alt.Scale(type="band", padding=0))
    base = alt.Chart(height=alt.Step(_ROW_HEIGHT)).encode(y=place)
    views = [
        _bars(base, labelled, column, tooltip) if isinstance(column, Measure) else _texts(base, column)
        for column in columns
    ]
    return page.compose(labelled, *views)


def _bars(base: alt.Chart, rows: Sequence[Datum], measure: Measure, tooltip: Sequence[str]) -> alt.LayerChart:
    zero = alt.Axis(values=[0], grid=True, gridColor=QUIET, labels=False)
    scale = alt.Scale(domain=_domain([row[measure.name] or 0 for row in rows], measure.width), nice=False)
    x = alt.X(f"{measure.name}:Q", axis=zero, scale=scale)
    value = alt.Text("value_label:N")
    values = base.encode(x=x, text=value)
    marks = [
        base.mark_bar(height=_ROW_HEIGHT - 10, cornerRadiusEnd=2).encode(
            x=x,
            color=alt.ColorValue(BAR, condition={"test": f"datum.{measure.name} < 0", "value": FALL}),
            tooltip=[alt.Tooltip(name) for name in tooltip],
        ),
        values.transform_filter(f"datum.{measure.name} >= 0").mark_text(dx=7),
        values.transform_filter(f"datum.{measure.name} < 0").mark_text(dx=-7, align="right"),
        base.transform_filter(f"datum.{measure.name} === null")
        .mark_text(dx=7, color=QUIET, fontStyle="italic")
        .encode(x=alt.XDatum(0), text=value),
    ]
    return alt.LayerChart(layer=marks, width=measure.width, title=measure.heading)


def _domain(values: Sequence[float], width: int) -> list[float]:
    """From the lowest to the highest value, zero included, with room for the text at both ends."""
    lowest, highest = min(0, *values), max(0, *values)
    if lowest == highest:
        return [0, 1]  # all bars are empty
    rooms = [_VALUE_WIDTH if lowest < 0 else 0, _VALUE_WIDTH if highest > 0 else 0]
    per_px = (highest - lowest) / (width - sum(rooms))
    return [lowest - rooms[0] * per_px, highest + rooms[1] * per_px]


def _texts(base: alt.Chart, column: Column) -> alt.Chart:
    end = column.width - column.gap
    texts = base.mark_text(
        align="right" if column.is_right else "left", color=QUIET if column.is_quiet else INK, limit=end
    )
    shown: alt.Chart = texts.encode(x=alt.XValue(end if column.is_right else 0), text=alt.Text(f"{column.name}:N"))
    shown.width = column.width
    shown.title = column.heading
    if column.is_right:
        shown.title = alt.TitleParams(column.heading, anchor="end", dx=-column.gap)
    return shown
