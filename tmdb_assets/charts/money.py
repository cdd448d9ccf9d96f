"""Budget against revenue: a dot for each film."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.direct_labels import LABEL_COLUMNS, LABELS_WIDTH, direct_labels, spread_labels
from tmdb_assets.charts.labels import name_labels
from tmdb_assets.charts.theme import AXIS_WIDTH, BAR, FALL, QUIET, WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows
from tmdb_assets.language import language, localised, mark, tr, trn

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

LOWEST = 10_000
"""US dollars; a smaller amount was most often entered in thousands or millions, and is not drawn."""
LARGEST_REVENUES, LARGEST_LOSSES = 6, 3
"""How many films have a label next to the plot."""

_HEIGHT = 394
_TITLE_WIDTH = 24
"""Width of the axis title "Revenue", in px."""
_PLOT_WIDTH = WIDTH - _TITLE_WIDTH - AXIS_WIDTH - LABELS_WIDTH
_ROOM = 0.08  # powers of ten above the largest amount, so that its dot is not cut off
_NO_FILMS = mark("No film of this day has both a budget and a revenue.")


def budget_and_revenue(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a dot per film at its budget and revenue, both on a log scale, and a dashed line where they are equal.

    `frame` holds one row per film: movie_id, title, release_date, budget_usd, revenue_usd (US dollars). Films with an
    amount that is unknown or under 10,000 are left out; the chart says so when none is left.
    """
    numbers = ["movie_id", "budget_usd", "revenue_usd"]
    known = [
        film
        for film in conform_rows(frame, numbers=numbers, texts=["title"], dates=["release_date"])
        if film["budget_usd"] and film["revenue_usd"]
    ]
    films = [film for film in known if min(film["budget_usd"], film["revenue_usd"]) >= LOWEST]
    meaning = tr("US dollars, not adjusted for inflation; each step is ten times the one before")
    page = Page(tr("Budget and revenue"), meaning, snapshot_date, is_sample)
    if not films:
        return page.empty(tr("No figures"), tr(_NO_FILMS))
    for film in films:
        film["is_gain"] = film["revenue_usd"] > film["budget_usd"]
    gains = sum(film["is_gain"] for film in films)
    page.notes.append(
        tr(
            "{gains} of {films} took in more than the budget: blue, above the dashed line.",
            gains=gains,
            films=_films(len(films)),
        )
    )
    if left_out := len(known) - len(films):
        lowest = localised(f"{LOWEST:,}")
        page.notes.append(
            tr("Not drawn: {films} with an amount under ${amount}.", films=_films(left_out), amount=lowest)
        )
    _place_labels(films)
    return page.compose(films, _plot(films))


def _films(number: int) -> str:
    return trn("{films} film", "{films} films", number, films=number)


def _plot(films: list[Datum]) -> alt.LayerChart:
    highest = {name: _highest(films, name) for name in ("budget_usd", "revenue_usd")}
    x = alt.X("budget_usd:Q", axis=_amounts(tr("Budget"), highest["budget_usd"]), scale=_scale(highest["budget_usd"]))
    y = alt.Y(
        "revenue_usd:Q", axis=_amounts(tr("Revenue"), highest["revenue_usd"]), scale=_scale(highest["revenue_usd"])
    )
    colour = alt.Color("is_gain:N", legend=None, scale=alt.Scale(domain=[True, False], range=[BAR, FALL]))
    tooltip = [alt.Tooltip(name) for name in ("title:N", "release_date:N", "budget_usd:Q", "revenue_usd:Q")]
    leaders, labels = direct_labels(x, y, _PLOT_WIDTH, color=alt.ColorValue(QUIET))
    equal = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=QUIET, strokeDash=[6, 4])
    start, end = LOWEST, min(highest.values())
    equal = equal.encode(x=alt.XDatum(start), y=alt.YDatum(start), x2=alt.X2Datum(end), y2=alt.Y2Datum(end))
    dots = alt.Chart().mark_circle(size=44, opacity=1, stroke="white", strokeWidth=0.7)
    dots = dots.encode(x=x, y=y, color=colour, tooltip=tooltip)
    return alt.LayerChart(layer=[leaders, equal, dots, labels], width=_PLOT_WIDTH, height=_HEIGHT)


def _highest(films: list[Datum], name: str) -> float:
    return float(10**_ROOM * max(film[name] for film in films))


def _scale(highest: float) -> alt.Scale:
    return alt.Scale(type="log", domain=[LOWEST, highest], nice=False)


def _amounts(title: str, highest: float) -> alt.Axis:
    """Powers of ten from the lowest amount on, like $100K."""
    powers = range(round(math.log10(LOWEST)), math.floor(math.log10(highest)) + 1)
    amount = "'$' + replace(upper(format(datum.value, '~s')), 'G', 'B')"
    if language() == "fr":
        amount = "replace(replace(format(datum.value, '~s'), 'G', 'Md'), /([kM])/, '\u00a0$1') + '\u00a0$'"
    return alt.Axis(grid=True, labelExpr=amount, title=title, values=[10**power for power in powers])


def _place_labels(films: list[Datum]) -> None:
    """Add labels to the largest revenues and losses, with their height on the scale of the revenue."""
    by_revenue = sorted(films, key=lambda film: (-film["revenue_usd"], film["movie_id"] or 0))[:LARGEST_REVENUES]
    by_loss = sorted(films, key=lambda film: (film["revenue_usd"] - film["budget_usd"], film["movie_id"] or 0))
    losses = [film for film in by_loss[:LARGEST_LOSSES] if not film["is_gain"] and film not in by_revenue]
    named = [*by_revenue, *losses]
    for film in named:
        film.update(name_labels("Film", film["movie_id"], film["title"], LABEL_COLUMNS))
        film["value"] = math.log10(film["revenue_usd"] / LOWEST)
    spread_labels(named, _HEIGHT, math.log10(_highest(films, "revenue_usd") / LOWEST))
    for film in named:
        film["label_at"] = LOWEST * 10 ** film["label_at"]
