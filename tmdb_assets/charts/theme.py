"""What all pictures share: size, colours, fonts, title, snapshot date, attribution, sample mark, notices.

The background is opaque white, so that a picture looks the same on a dark page. It is 700 px wide, and its text is
large enough to be read on a phone at half that width.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import altair as alt

from tmdb_assets.charts.values import Datum
from tmdb_assets.language import Language, day_text, language, mark, month_names, tr
from tmdb_assets.settings import ATTRIBUTION

PICTURE_WIDTH = 700
"""Width of every picture in px."""
PADDING = 16
WIDTH = PICTURE_WIDTH - 2 * PADDING
"""Width inside the padding, in px."""

# Blue and vermilion are from Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which people with any kind of
# colour vision can tell apart; text in grey has a contrast of at least 4.5 to 1 on white (WCAG 2.2, 1.4.3).
BAR = "#0072B2"
FALL = "#D55E00"
MARK = "#F0B429"
INK = "#1A1A1A"
QUIET = "#595959"
LINE = "#E3E3E3"
TILE = "#EEF4F9"

# vl-convert draws no text in a font that is not installed, so the list ends in a generic family, for which it has a
# font of its own (Latin, Greek, Cyrillic, Hebrew).
FONT = "Liberation Sans, Arial, sans-serif"
HEADER_SIZE = 14
AXIS_WIDTH = 46
"""Width of the labels of a vertical axis, in px; wider ones, like "1,000,000", would widen the picture."""

SAMPLE_MARK = mark("SAMPLE DATA: generated figures")
NO_DATA = mark("No data yet")
NO_DATA_ADVICE = mark("Load a day first: tmdb-assets run")

_CONFIG: dict[str, Any] = {
    "font": FONT,
    "view": {"stroke": None},
    "text": {"fontSize": 16, "color": INK, "align": "left", "baseline": "middle"},
    "axis": {
        "domain": False,
        "grid": False,
        "gridColor": LINE,
        "labelColor": QUIET,
        "labelFontSize": HEADER_SIZE,
        "labelPadding": 8,
        "tickColor": QUIET,
        "ticks": False,
        "title": None,
        "titleColor": QUIET,
        "titleFontSize": HEADER_SIZE,
    },
    "axisX": {"labelFlush": False},
    "axisY": {"minExtent": AXIS_WIDTH},
    "title": {
        "anchor": "start",
        "frame": "group",
        "color": QUIET,
        "fontSize": HEADER_SIZE,
        "offset": 6,
        "subtitleColor": QUIET,
        "subtitleFontSize": 15,
        "subtitleLineHeight": 21,
        "subtitlePadding": 8,
    },
}
_FOOTER: dict[str, Any] = {"color": QUIET, "fontSize": 13, "baseline": "top", "lineHeight": 18}
# Vega-Lite aligns the left edges of plots, and the labels of a vertical axis hang out on the left. With this empty view
# before the plot, they start at the left edge, under the title.
_EDGE = alt.Chart(alt.InlineData(values=[]), width=0, height=0).mark_point(aria=False)


_SOURCE, _SAMPLE_SOURCE = mark("Source: TMDB."), mark("Source: sandbox sample.")


@cache
def _locale(of: Language) -> dict[str, Any]:
    """What Vega writes on axes by itself."""
    if of == "en":
        return {}
    wide, short = month_names(of)
    # Days of the week are on no axis, but the format has to have them.
    time = {"dateTime": "%A %e %B %Y à %X", "date": "%d/%m/%Y", "time": "%H:%M:%S", "periods": ["AM", "PM"]}
    days = {"days": ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."], "months": wide, "shortMonths": short}
    number = {"decimal": ",", "thousands": "\u00a0", "grouping": [3], "currency": ["", "\u00a0$"]}
    return {"locale": {"number": number, "time": {**time, **days, "shortDays": days["days"]}}}


@dataclass(frozen=True)
class Page:
    """What surrounds the figures of a picture.

    `meaning` is the line under the title: what is shown, in which unit. `notes` are the lines above the source.
    """

    title: str
    meaning: str
    snapshot_date: dt.date | None
    is_sample: bool
    notes: list[str] = field(default_factory=list)

    @property
    def date_line(self) -> str:
        """The day of the figures."""
        if self.snapshot_date is None:
            return tr("Snapshot date: none yet")
        return tr("Snapshot of {day} (UTC)", day=day_text(self.snapshot_date))

    def compose(self, rows: list[Datum], *parts: alt.Chart | alt.LayerChart | alt.FacetChart) -> alt.VConcatChart:
        """Return the whole picture: `parts` side by side, `WIDTH` px in all, with title, sample mark, notes and source.

        `rows` are the data of the parts that have none of their own.
        """
        footer = [*self.notes, f"{tr(_SAMPLE_SOURCE if self.is_sample else _SOURCE)} {ATTRIBUTION}"]
        on_top = _box(WIDTH, 30, MARK).mark_text(text=tr(SAMPLE_MARK), align="center", fontSize=17, fontWeight="bold")
        chart = alt.vconcat(
            *([on_top] if self.is_sample else []),
            alt.hconcat(_EDGE, *parts, spacing=0),
            _box(WIDTH, 18 * len(footer)).mark_text(text=footer, **_FOOTER).encode(x=alt.XValue(0), y=alt.YValue(0)),
            title=alt.TitleParams(
                self.title, subtitle=[self.meaning, self.date_line], color=INK, fontSize=23, frame="bounds", offset=16
            ),
            description=self.description,
            padding=PADDING,
            spacing=14,
            background="white",
        )
        # Last, as Altair copies all that a chart has at every step.
        chart.data = alt.InlineData(values=rows)
        chart.config = alt.Config(**_CONFIG, **_locale(language()))
        return chart

    @property
    def description(self) -> str:
        """The chart in words, for a screen reader."""
        sample = f"{tr(SAMPLE_MARK)}. " if self.is_sample else ""
        return f"{sample}{self.title}. {self.meaning}. {self.date_line}. {ATTRIBUTION}"

    def empty(self, *why: str) -> alt.VConcatChart:
        """Return the picture for a query without rows.

        `why`, a headline and lines, says why the loaded days have none; without any day there is no data yet.
        """
        return (
            self.notice(tr(NO_DATA), tr(NO_DATA_ADVICE)) if self.snapshot_date is None or not why else self.notice(*why)
        )

    def notice(self, headline: str, *lines: str) -> alt.VConcatChart:
        """Return a picture that says why there are no figures."""
        return self.compose([], notice(WIDTH, 94 + 22 * len(lines), headline, *lines))


def notice(width: int, height: int, headline: str, *lines: str) -> alt.LayerChart:
    """Return a box of this size in px with a headline and lines of text in its middle."""
    box = _box(width, height, TILE)
    lift = 11 * len(lines)
    return alt.LayerChart(
        layer=[
            box.mark_text(text=headline, align="center", dy=-lift, fontSize=24, fontWeight="bold"),
            box.mark_text(text=list(lines), align="center", baseline="line-top", dy=30 - lift, lineHeight=22),
        ]
    )


def _box(width: int, height: int, fill: str | None = None) -> alt.Chart:
    """A view of this size in px for text, with or without a background."""
    view = alt.ViewBackground(cornerRadius=6, fill=fill)
    return alt.Chart(alt.InlineData(values=[{}]), width=width, height=height, view=view)
