"""Words in place of figures, where a chart has none to show."""

from __future__ import annotations

import altair as alt

from tmdb_assets.charts.theme import TILE, WIDTH, Page, at, text_at


def words_at(x: float, y: float, headline: str, *lines: str) -> list[alt.Chart]:
    """Return a headline and lines below it, centred on a place of the view, in px."""
    return [
        text_at([{"text": headline}], "text", x=x, y=y, align="center", fontSize=24, fontWeight="bold"),
        text_at([{"text": "\n".join(lines)}], "text", x=x, y=y + 34, align="center", lineBreak="\n", lineHeight=22),
    ]


def notice(page: Page, headline: str, *lines: str) -> alt.LayerChart:
    """Return a page that says in words why it shows no figures."""
    box = alt.Chart(alt.InlineData(values=[{}])).mark_rect(color=TILE, cornerRadius=6)
    bottom = page.top + 94 + 22 * len(lines)
    layers = [
        box.encode(**at(x=0, x2=WIDTH, y=page.top, y2=bottom)),
        *words_at(WIDTH / 2, page.top + 42, headline, *lines),
    ]
    return page.compose(layers, bottom)
