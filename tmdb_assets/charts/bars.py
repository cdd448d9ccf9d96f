"""Labelled horizontal bars with columns of text beside them.

Rows stand in the order given, each at its own place, so that two rows of one name stay two bars. Bars start at zero;
a row whose measure is unknown has no bar and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import altair as alt

from tmdb_assets.charts.labels import format_measure
from tmdb_assets.charts.theme import BAR, HEADER_SIZE, INK, LINE, QUIET, WIDTH, Page, at
from tmdb_assets.charts.values import Datum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NO_VALUE = "no data"
ROW_HEIGHT = 30
_BAR_HEIGHT = 20
_HEADER_HEIGHT = 26


@dataclass(frozen=True)
class Column:
    """A column of text: the field it shows, its heading, where it stands and how wide it may become, both in px."""

    name: str
    heading: str
    x: int
    align: Literal["left", "right"] = "left"
    limit: int | None = None
    is_quiet: bool = False


@dataclass(frozen=True)
class Measure:
    """The measure the bars show: its field, its heading, from where to where a bar may reach, in px, and its text.

    Leave 70 px free after `x2` for the value behind the longest bar.
    """

    name: str
    heading: str
    x: int
    x2: int
    write: Callable[[float | None], str] = format_measure


def labelled_bars(
    page: Page, rows: Sequence[Datum], measure: Measure, columns: Sequence[Column], tooltip: Sequence[str]
) -> alt.LayerChart:
    """Return the chart of `rows`; adds the fields `row` (position from 0) and `value_label` to the data."""
    labelled = [
        {**row, "row": position, "value_label": _value_label(row, measure)} for position, row in enumerate(rows)
    ]
    top = page.top + _HEADER_HEIGHT
    bottom = top + ROW_HEIGHT * len(labelled)
    place = alt.Y(
        "row:O",
        axis=None,
        scale=alt.Scale(type="band", domain=list(range(len(labelled))), range=[top, bottom], padding=0),
    )
    base = alt.Chart(alt.InlineData(values=labelled)).encode(y=place)
    layers = [
        *_headings(page.top + _HEADER_HEIGHT / 2, measure, columns),
        base.mark_rule(color=LINE, yOffset=-ROW_HEIGHT / 2).encode(**at(x=1, x2=WIDTH - 1)),
        *_bars(base, labelled, measure, tooltip),
        *(_texts(base, column) for column in columns),
    ]
    return page.compose(layers, bottom)


def _value_label(row: Datum, measure: Measure) -> str:
    value = row[measure.name]
    return NO_VALUE if value is None else measure.write(value)


def _bars(base: alt.Chart, rows: Sequence[Datum], measure: Measure, tooltip: Sequence[str]) -> list[alt.Chart]:
    known = [row[measure.name] for row in rows if row[measure.name] is not None]
    longest = max(known, default=0)
    reach = alt.X(
        f"{measure.name}:Q",
        axis=None,
        # A domain from zero to zero has no length; all bars are empty then, whatever its end is.
        scale=alt.Scale(
            domain=[0, longest if longest > 0 else 1], range=[measure.x, measure.x2], clamp=True, nice=False
        ),
    )
    value = alt.Text("value_label:N")
    missing = base.transform_filter(f"datum.{measure.name} === null")
    return [
        base.mark_bar(color=BAR, height=_BAR_HEIGHT, cornerRadiusEnd=2).encode(
            x=reach, tooltip=[alt.Tooltip(name) for name in tooltip]
        ),
        base.mark_text(dx=7, color=INK).encode(x=reach, text=value),
        missing.mark_text(dx=7, color=QUIET, fontStyle="italic").encode(**at(x=measure.x), text=value),
    ]


def _texts(base: alt.Chart, column: Column) -> alt.Chart:
    limit = alt.Undefined if column.limit is None else column.limit
    color = QUIET if column.is_quiet else INK
    mark: alt.Chart = base.mark_text(align=column.align, color=color, limit=limit)
    return mark.encode(**at(x=column.x), text=alt.Text(f"{column.name}:N"))


def _headings(y: float, measure: Measure, columns: Sequence[Column]) -> list[alt.Chart]:
    shown = [(column.heading, column.x, column.align) for column in columns if column.heading]
    return [
        alt.Chart(alt.InlineData(values=[{"heading": heading}]))
        .mark_text(align=align, color=QUIET, fontSize=HEADER_SIZE, fontWeight="bold")
        .encode(**at(x=x, y=y), text=alt.Text("heading:N"))
        for heading, x, align in [(measure.heading, measure.x, "left"), *shown]
    ]
