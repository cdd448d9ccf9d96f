"""The pictures of the quality pages: how films and their popularity are distributed, day by day."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from tmdb_assets.charts.labels import format_count, format_measure, name_labels
from tmdb_assets.charts.lines import Line, labelled_lines
from tmdb_assets.charts.render import to_png
from tmdb_assets.charts.theme import Page
from tmdb_assets.language import mark, tr

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    import altair as alt

    from tmdb_assets.dashboard.quality_rows import QualityRows

LEVELS = {
    "p10": mark("10% have less"),
    "p50": mark("median"),
    "p90": mark("10% have more"),
    "p99": mark("1% have more"),
}
LABEL_WIDTH = 26


def popularity_by_day(rows: QualityRows, days: list[dt.date], *, is_sample: bool) -> alt.VConcatChart:
    """Quantiles of popularity of the films that discover lists."""
    page = Page(
        tr("Distribution of popularity"), tr("Popularity below which films are, discover only"), days[-1], is_sample
    )
    values = {
        tr(name): {day: rows.measures.get(day, {}).get("popularity", {}).get(f"discover {level}") for day in days}
        for level, name in LEVELS.items()
    }
    return _lines(page, values, format_measure)


def films_by_day(rows: QualityRows, days: list[dt.date], *, is_sample: bool) -> alt.VConcatChart:
    """The number of films from discover and from the export."""
    page = Page(tr("Films by source"), tr("Number of films of each day"), days[-1], is_sample)
    return _lines(
        page,
        {
            source: {day: rows.films[day][place] if day in rows.films else None for day in days}
            for place, source in enumerate(("discover", "export"))
        },
        format_count,
    )


PICTURES = (popularity_by_day, films_by_day)


def draw_pictures(rows: QualityRows, days: list[dt.date], *, is_sample: bool) -> str:
    """Each picture as HTML, with its bytes inside and as text its description with the first and the newest figures."""
    made = []
    for draw in PICTURES:
        chart = draw(rows, days, is_sample=is_sample)
        source = base64.b64encode(to_png(chart)).decode("ascii")
        made.append(f'<img src="data:image/png;base64,{source}" alt="{escape(str(chart.description))}">')
    return "\n".join(made)


def _lines(
    page: Page, values: dict[str, dict[dt.date, float | None]], shown: Callable[[float], str]
) -> alt.VConcatChart:
    lines, figures = [], []
    for name, by_day in values.items():
        known = {day: value for day, value in by_day.items() if value is not None}
        if not any(known.values()):
            continue
        newest = shown(known[max(known)])
        labels = name_labels(mark("Line"), None, f"{newest} {name}", LABEL_WIDTH)
        lines.append(Line(name, labels, {str(day): value for day, value in by_day.items()}))
        figures.append(
            f"{name}: " + ", ".join(f"{shown(known[day])} ({day})" for day in sorted({min(known), max(known)}))
        )
    if not lines:
        return page.empty(tr("Not measured yet"), tr("It grows with each daily run."))
    chart = labelled_lines(page, lines)
    chart.description = f"{chart.description} {'; '.join(figures)}."
    return chart
