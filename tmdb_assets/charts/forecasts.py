"""The chart of forecasts against what came; arguments as in `figures.py`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.labels import name_labels
from tmdb_assets.charts.theme import AXIS_WIDTH, BAR, FALL, HEADER_SIZE, WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows
from tmdb_assets.language import mark, tr

if TYPE_CHECKING:
    import pandas as pd

FILMS = 6
_COLUMNS = 2
_GAP = 18
_PLOT_WIDTH = (WIDTH - _GAP) // _COLUMNS - AXIS_WIDTH - 20  # half of the last label reaches beyond the plot
_HEIGHT = 118
_TITLE_WIDTH = 34


def forecast_record(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a small plot for each of 6 films: its popularity, and what was forecast on each of the last days.

    `frame` holds one row per film and day that came (origin_date missing), and one per film, origin and day that was
    forecast: date_id, origin_date, movie_id, title, popularity; the films in the order of the plots.
    """
    numbers, required = ["movie_id", "popularity"], ["date_id", "movie_id"]
    rows = conform_rows(frame, numbers=numbers, texts=["title"], dates=["date_id", "origin_date"], required=required)
    meaning = tr("TMDB popularity score (no unit); thin: forecast for 7 days on each of the last days, bold: what came")
    page = Page(tr("Forecast against what came"), meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr("No forecast"), *map(tr, _NO_FORECAST))
    films = list(dict.fromkeys(row["movie_id"] for row in rows))[:FILMS]
    known = [row for row in rows if row["movie_id"] in films and row["popularity"] is not None]
    points = [_point(row, films, snapshot_date) for row in [*known, *_starts(known)]]
    page.notes.append(
        tr("Dashed: the forecast of the newest day, whose days are still to come. Axes do not start at 0.")
    )
    return page.compose(points, _plots(sorted({point["day"] for point in points})))


_NO_FORECAST = (
    mark("There is none of the newest day: the job daily makes it,"),
    mark("unless FORECAST is off."),
)


def _starts(rows: list[Datum]) -> list[Datum]:
    """For each forecast, what came on its day of origin: its line starts there."""
    came = {(row["movie_id"], row["date_id"]): row for row in rows if row["origin_date"] is None}
    origins = dict.fromkeys((row["movie_id"], row["origin_date"]) for row in rows if row["origin_date"] is not None)
    return [came[key] | {"origin_date": key[1]} for key in origins if key in came]


def _point(row: Datum, films: list[float], newest: dt.date | None) -> Datum:
    """A point of the line of its origin, in the plot of its film; `kind` says which mark draws it."""
    origin, place = row["origin_date"], 1 + films.index(row["movie_id"])
    kind = "came" if origin is None else "newest" if newest is not None and origin == newest.isoformat() else "earlier"
    labels = name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH)
    return {
        **{name: f"{place}. {text}" for name, text in labels.items()},  # two films may have one title
        "place": place,
        "day": row["date_id"],
        "date": row["date_id"],  # stays text for the tooltip
        "origin": origin or "",
        "value": row["popularity"],
        "kind": kind,
        "title": row["title"],
    }


def _plots(days: list[str]) -> alt.FacetChart:
    """One plot per film, each with its own scale: a faceted chart draws in a third of the time of six charts."""
    x = alt.X("day:T", axis=_date_axis(days), scale=alt.Scale(type="utc"))
    values = alt.Axis(grid=True, tickCount=3, labelExpr="format(datum.value, ',')")
    y = alt.Y("value:Q", axis=values, scale=alt.Scale(zero=False, padding=6))
    tooltip = [alt.Tooltip(name) for name in ("title:N", "date:N", "origin:N", "value:Q")]
    base = alt.Chart().encode(x=x, y=y, tooltip=tooltip)
    came = base.transform_filter("datum.kind == 'came'")
    dash = alt.condition("datum.kind == 'newest'", alt.value([4, 3]), alt.value([1, 0]))
    forecasts = base.transform_filter("datum.kind != 'came'").encode(detail="origin:N", strokeDash=dash)
    layers = [
        forecasts.mark_line(strokeWidth=1, color=FALL),
        came.mark_line(strokeWidth=2.5, color=BAR),
        came.mark_circle(size=20, opacity=1, color=BAR),
    ]
    header = alt.Header(title=None, labelAnchor="start", labelFontSize=HEADER_SIZE, labelFontWeight="bold")
    film = alt.FacetFieldDef(
        field="label", type="nominal", sort=alt.EncodingSortField("place", op="min"), header=header
    )
    return alt.FacetChart(
        spec=alt.LayerChart(layer=layers, width=_PLOT_WIDTH, height=_HEIGHT),
        facet=film,
        columns=_COLUMNS,
        spacing={"row": 14, "column": _GAP},
        resolve=alt.Resolve(scale=alt.ScaleResolveMap(y="independent")),
    )


def _date_axis(days: list[str]) -> alt.Axis:
    """The first day, the last, and one in the middle."""
    first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
    shown = sorted({first, first + (last - first) // 2, last})
    return alt.Axis(format="%-d %b", ticks=True, values=[day.isoformat() for day in shown])
