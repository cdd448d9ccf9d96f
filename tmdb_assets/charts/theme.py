"""What all charts share: size, colours, type, title, snapshot date, attribution, sample mark, "no data yet".

A chart is one view of fixed width on an opaque white ground, so that a picture looks the same on a dark page. Sizes
are chosen for 700 px of width, and so that a phone at half that width is still readable.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from tmdb_assets.settings import ATTRIBUTION

PICTURE_WIDTH = 700
"""Width of every picture in px."""
PADDING = 16
WIDTH = PICTURE_WIDTH - 2 * PADDING
"""Width of the view inside the padding, in px."""

# Blue, orange and vermilion of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), apart for every kind of
# colour vision; the greys keep a contrast of at least 4.5 to 1 on white (WCAG 2.2, 1.4.3).
BAR = "#0072B2"
FALL = "#D55E00"
MARK = "#F0B429"
INK = "#1A1A1A"
QUIET = "#595959"
LINE = "#E3E3E3"
TILE = "#EEF4F9"

# A name that is not installed draws nothing at all in vl-convert, so the list ends in a generic family, for which
# vl-convert carries a font of its own (Latin, Greek, Cyrillic, Hebrew).
FONT = "Liberation Sans, Arial, sans-serif"
LABEL_SIZE = 16
HEADER_SIZE = 14
FOOTER_SIZE = 13

SAMPLE_MARK = "SAMPLE DATA: generated figures"
NO_DATA = "No data yet"
NO_DATA_ADVICE = "Load a day first: tmdb-assets run"

_SAMPLE_BAND = 30
_SAMPLE_GAP = 12
_FOOTER_GAP = 16
_FOOTER_LINE = 18

# alt.value would do, but Altair then looks for the class again at every use.
_CHANNELS: dict[str, Any] = {"x": alt.XValue, "x2": alt.X2Value, "y": alt.YValue, "y2": alt.Y2Value}


@dataclass(frozen=True)
class Page:
    """What a chart says around its figures.

    `meaning` is the line under the title: what is shown and in which unit. `notes` are lines above the source.
    """

    title: str
    meaning: str
    snapshot_date: dt.date | None
    is_sample: bool
    notes: list[str] = field(default_factory=list)

    @property
    def top(self) -> int:
        """Where the figures begin, in px from the top of the view: below the sample mark, when there is one."""
        return _SAMPLE_BAND + _SAMPLE_GAP if self.is_sample else 0

    @property
    def date_line(self) -> str:
        """The day the figures are of."""
        if self.snapshot_date is None:
            return "Snapshot date: none yet"
        return f"Snapshot of {self.snapshot_date:%Y-%m-%d} (UTC)"

    def compose(self, layers: list[alt.Chart], bottom: int) -> alt.LayerChart:
        """Return the whole chart: `layers`, which end `bottom` px below the top of the view, and all around them."""
        lines = 1 + len(self.notes)
        chart = alt.LayerChart(layer=[*self._sample_layers(), *layers, self._footer(bottom)]).properties(
            width=WIDTH,
            height=bottom + _FOOTER_GAP + lines * _FOOTER_LINE,
            title=alt.TitleParams(text=self.title, subtitle=[self.meaning, self.date_line]),
            description=self.description,
            padding=PADDING,
            background="white",
        )
        chart.config = alt.Config(**_config())
        return chart

    @property
    def description(self) -> str:
        """The chart in words, for a screen reader."""
        mark = f"{SAMPLE_MARK}. " if self.is_sample else ""
        return f"{mark}{self.title}. {self.meaning}. {self.date_line}. {ATTRIBUTION}"

    def empty(self) -> alt.LayerChart:
        """Return the chart of a view without rows: it says so, and what to do."""
        box = (
            alt.Chart(_values([{}]))
            .mark_rect(color=TILE, cornerRadius=6)
            .encode(**at(x=0, x2=WIDTH, y=self.top, y2=self.top + 150))
        )
        lines = [
            text_at(
                [{"text": text}], "text", x=WIDTH / 2, y=self.top + y, align="center", fontSize=size, fontWeight=weight
            )
            for text, y, size, weight in ((NO_DATA, 60, 24, "bold"), (NO_DATA_ADVICE, 92, LABEL_SIZE, "normal"))
        ]
        return self.compose([box, *lines], self.top + 150)

    def _sample_layers(self) -> list[alt.Chart]:
        if not self.is_sample:
            return []
        rows = [{"sample_mark": SAMPLE_MARK}]
        band = (
            alt.Chart(_values(rows))
            .mark_rect(color=MARK, cornerRadius=4)
            .encode(**at(x=0, x2=WIDTH, y=0, y2=_SAMPLE_BAND))
        )
        words = text_at(
            rows, "sample_mark", x=WIDTH / 2, y=_SAMPLE_BAND / 2, align="center", fontSize=17, fontWeight="bold"
        )
        return [band, words]

    def _footer(self, bottom: int) -> alt.Chart:
        source = "Source: sandbox sample." if self.is_sample else "Source: TMDB."
        lines = "\n".join([*self.notes, f"{source} {ATTRIBUTION}"])
        return text_at(
            [{"footer": lines}],
            "footer",
            x=0,
            y=bottom + _FOOTER_GAP,
            color=QUIET,
            fontSize=FOOTER_SIZE,
            baseline="top",
            lineBreak="\n",
            lineHeight=_FOOTER_LINE,
        )


def at(**px: float) -> dict[str, Any]:
    """Return encodings for a fixed place of the view, in px: x, x2, y, y2."""
    return {name: _CHANNELS[name](value) for name, value in px.items()}


def text_at(rows: list[dict[str, Any]], name: str, *, x: float, y: float, **mark: Any) -> alt.Chart:
    """Return a text mark of the field `name` at a fixed place of the view, in px; `mark` are its properties."""
    chart: alt.Chart = alt.Chart(_values(rows)).mark_text(**mark)
    return chart.encode(**at(x=x, y=y), text=alt.Text(f"{name}:N"))


def _values(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _config() -> dict[str, Any]:
    return {
        "font": FONT,
        "view": {"stroke": None},
        "text": {"font": FONT, "fontSize": LABEL_SIZE, "color": INK, "align": "left", "baseline": "middle"},
        "title": {
            "anchor": "start",
            "frame": "group",
            "font": FONT,
            "fontSize": 23,
            "color": INK,
            "subtitleFont": FONT,
            "subtitleFontSize": 15,
            "subtitleColor": QUIET,
            "subtitleLineHeight": 21,
            "subtitlePadding": 8,
            "offset": 16,
        },
    }
