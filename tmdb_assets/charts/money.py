"""Budget against revenue: a dot for each film."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import altair as alt

from tmdb_assets.charts.axes import spread_labels
from tmdb_assets.charts.labels import format_count, label_text
from tmdb_assets.charts.notice import notice
from tmdb_assets.charts.theme import BAR, FALL, HEADER_SIZE, LINE, QUIET, WIDTH, Page, at, text_at
from tmdb_assets.charts.values import Datum, conform_rows, to_date, to_number, to_text

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

LOWEST = 10_000
"""US dollars: what is told as less was most often meant as thousands or millions, and is not drawn."""
LARGEST_REVENUES, LARGEST_LOSSES = 6, 3
"""How many films are named beside the plot."""

_LEFT, _RIGHT = 52, 446
_LABEL_X = 474
_LABEL_GAP = 22
_LABEL_WIDTH = 24
_HEIGHT = 394
_HEADER_HEIGHT = 34
_ROOM = 0.08  # of a power of ten beyond the largest amount, so that its dot is whole
_NO_FILMS = "Of no film of this day both budget and revenue are known."


def budget_and_revenue(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return a dot for each film at its budget and revenue, both on a scale of powers of ten, and where both are equal.

    `frame` holds one row a film: movie_id, title, release_date, budget_usd, revenue_usd. Films of which either is
    unknown or under 10,000 are left out; where that leaves none of a loaded day, the chart says so.
    """
    columns = {
        "movie_id": to_number,
        "title": to_text,
        "release_date": to_date,
        "budget_usd": to_number,
        "revenue_usd": to_number,
    }
    known = [film for film in conform_rows(frame, columns) if film["budget_usd"] and film["revenue_usd"]]
    films = [film for film in known if min(film["budget_usd"], film["revenue_usd"]) >= LOWEST]
    meaning = "US dollars, not adjusted for inflation; each step is ten times the one before"
    page = Page("Budget and revenue", meaning, snapshot_date, is_sample)
    if not films:
        return page.empty() if snapshot_date is None else notice(page, "No figures", _NO_FILMS)
    for film in films:
        film["is_gain"] = film["revenue_usd"] > film["budget_usd"]
    gains = sum(film["is_gain"] for film in films)
    page.notes.append(f"{gains} of {_films(len(films))} took in more than the budget: blue, above the dashed line.")
    if left_out := len(known) - len(films):
        page.notes.append(f"Not drawn: {_films(left_out)} with an amount under ${LOWEST:,}.")
    bottom = page.top + _HEADER_HEIGHT + _HEIGHT
    return page.compose(_layers(films, bottom - _HEIGHT, bottom), bottom + 44)


def _films(number: int) -> str:
    return "1 film" if number == 1 else f"{number} films"


def _layers(films: list[Datum], top: int, bottom: int) -> list[alt.Chart]:
    highest = {name: 10**_ROOM * max(film[name] for film in films) for name in ("budget_usd", "revenue_usd")}
    x_scale, y_scale = (
        alt.Scale(type="log", domain=[LOWEST, highest[name]], range=ends, nice=False)
        for name, ends in (("budget_usd", [_LEFT, _RIGHT]), ("revenue_usd", [bottom, top]))
    )
    x = alt.X("budget_usd:Q", axis=None, scale=x_scale)
    y = alt.Y("revenue_usd:Q", axis=None, scale=y_scale)
    colour = alt.Color("is_gain:N", legend=None, scale=alt.Scale(domain=[True, False], range=[BAR, FALL]))
    tooltip = [alt.Tooltip(name) for name in ("title:N", "release_date:N", "budget_usd:Q", "revenue_usd:Q")]
    named = alt.Chart(alt.InlineData(values=_named(films, highest["revenue_usd"])))
    equal = alt.Chart(alt.InlineData(values=[{"low": LOWEST, "high": min(highest.values())}]))
    return [
        *_grid(x_scale, y_scale, top, bottom),
        equal.mark_rule(color=QUIET, strokeDash=[6, 4]).encode(
            x=alt.X("low:Q", axis=None, scale=x_scale), y=alt.Y("low:Q", axis=None, scale=y_scale), x2="high", y2="high"
        ),
        named.mark_rule(color=QUIET, strokeWidth=0.8).encode(x=x, y=y, y2="label_at:Q", **at(x2=_LABEL_X - 5)),
        alt.Chart(alt.InlineData(values=films))
        .mark_circle(size=44, opacity=1, stroke="white", strokeWidth=0.7)
        .encode(x=x, y=y, color=colour, tooltip=tooltip),
        named.mark_text(limit=WIDTH - _LABEL_X).encode(
            y=alt.Y("label_at:Q", axis=None, scale=y_scale), text=alt.Text("label:N"), **at(x=_LABEL_X)
        ),
    ]


def _grid(x_scale: alt.Scale, y_scale: alt.Scale, top: int, bottom: int) -> list[alt.Chart]:
    quiet: dict[str, Any] = {"color": QUIET, "fontSize": HEADER_SIZE}
    text = alt.Text("amount_label:N")
    upright = alt.Chart(_amounts(x_scale.domain[1])).encode(x=alt.X("amount:Q", axis=None, scale=x_scale))
    across = alt.Chart(_amounts(y_scale.domain[1])).encode(y=alt.Y("amount:Q", axis=None, scale=y_scale))
    return [
        upright.mark_rule(color=LINE).encode(**at(y=top, y2=bottom)),
        upright.mark_text(align="center", **quiet).encode(text=text, **at(y=bottom + 16)),
        across.mark_rule(color=LINE).encode(**at(x=_LEFT, x2=_RIGHT)),
        across.mark_text(align="right", **quiet).encode(text=text, **at(x=_LEFT - 8)),
        text_at([{"axis": "Revenue"}], "axis", x=0, y=top - 22, fontWeight="bold", **quiet),
        text_at([{"axis": "Budget"}], "axis", x=_RIGHT, y=bottom + 36, align="right", fontWeight="bold", **quiet),
    ]


def _amounts(highest: float) -> alt.InlineData:
    """Powers of ten from the lowest amount on."""
    powers = range(round(math.log10(LOWEST)), math.floor(math.log10(highest)) + 1)
    return alt.InlineData(
        values=[{"amount": 10**power, "amount_label": "$" + _short(10**power)} for power in powers],
    )


def _short(amount: float) -> str:
    return format_count(amount, full_below=1_000).replace(".0", "")


def _named(films: list[Datum], highest: float) -> list[Datum]:
    """The films to name, with the place of their label on the scale of the revenue."""
    by_revenue = sorted(films, key=lambda film: (-film["revenue_usd"], film["movie_id"] or 0))[:LARGEST_REVENUES]
    by_loss = sorted(films, key=lambda film: (film["revenue_usd"] - film["budget_usd"], film["movie_id"] or 0))
    losses = [film for film in by_loss[:LARGEST_LOSSES] if not film["is_gain"] and film not in by_revenue]
    reach = math.log10(highest / LOWEST)
    points = [film | {"value": math.log10(film["revenue_usd"] / LOWEST)} for film in (*by_revenue, *losses)]
    return [
        point | _label(point) | {"label_at": LOWEST * 10 ** point["label_at"]}
        for point in spread_labels(points, reach * _LABEL_GAP / _HEIGHT, reach)
    ]


def _label(film: Datum) -> Datum:
    unnamed = "Film" if film["movie_id"] is None else f"Film {film['movie_id']:.0f}"
    return {
        "label": label_text(film["title"] or f"{unnamed} (no title)", _LABEL_WIDTH),
        "label_without_font": f"{unnamed} (no font)",
    }
