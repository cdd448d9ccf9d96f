"""The chart of forecasts against what came; arguments as in `figures.py`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import altair as alt

from tmdb_assets.charts.labels import name_labels
from tmdb_assets.charts.theme import AXIS_WIDTH, BAR, FALL, WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows

if TYPE_CHECKING:
    import pandas as pd

FILMS = 6
_COLUMNS = 2
_GAP = 18
_PLOT_WIDTH = (WIDTH - _GAP) // _COLUMNS - AXIS_WIDTH - 20  # half of the last label reaches beyond the plot
_HEIGHT = 118
_TITLE_WIDTH = 34


def forecast_against_actual(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a small plot for each of 6 films: its popularity, and what was forecast on each of the last days.

    `frame` holds one row per film and day that came (origin_date missing), and one per film, origin and day that was
    forecast: date_id, origin_date, movie_id, title, popularity; the films in the order of the plots.
    """
    numbers, required = ["movie_id", "popularity"], ["date_id", "movie_id"]
    rows = conform_rows(frame, numbers=numbers, texts=["title"], dates=["date_id", "origin_date"], required=required)
    meaning = "TMDB popularity score (no unit); thin: forecast for 7 days on each of the last days, bold: what came"
    page = Page("Forecast against what came", meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty() if snapshot_date is None else page.notice("No forecast", *_NO_FORECAST)
    films = list(dict.fromkeys(row["movie_id"] for row in rows))[:FILMS]
    known = [row for row in rows if row["movie_id"] in films and row["popularity"] is not None]
    points = [_point(row, snapshot_date) for row in [*known, *_starts(known)]]
    plots = [_plot([point for point in points if point["movie_id"] == film]) for film in films]
    lines = [alt.hconcat(*plots[place : place + _COLUMNS], spacing=_GAP) for place in range(0, len(plots), _COLUMNS)]
    page.notes.append("Dashed: the forecast of the newest day, whose days are still to come. Axes do not start at 0.")
    return page.compose(points, alt.vconcat(*lines, spacing=14))


_NO_FORECAST = ("There is none of the newest day: the job daily makes it,", "unless FORECAST is off.")


def _starts(rows: list[Datum]) -> list[Datum]:
    """For each forecast, what came on its day of origin: its line starts there."""
    came = {(row["movie_id"], row["date_id"]): row for row in rows if row["origin_date"] is None}
    origins = dict.fromkeys((row["movie_id"], row["origin_date"]) for row in rows if row["origin_date"] is not None)
    return [came[key] | {"origin_date": key[1]} for key in origins if key in came]


def _point(row: Datum, newest: dt.date | None) -> Datum:
    """A point of the line of its origin; `kind` says which mark draws it."""
    origin = row["origin_date"]
    kind = "came" if origin is None else "newest" if newest is not None and origin == newest.isoformat() else "earlier"
    return {
        "movie_id": row["movie_id"],
        "day": row["date_id"],
        "date": row["date_id"],  # stays text for the tooltip
        "origin": origin or "",
        "value": row["popularity"],
        "kind": kind,
        "title": row["title"],
    }


def _plot(points: list[Datum]) -> alt.LayerChart:
    film, title = points[0]["movie_id"], points[0]["title"]
    days = sorted({point["day"] for point in points})
    lowest, highest = (pick(point["value"] for point in points) for pick in (min, max))
    margin = 0.1 * (highest - lowest) or 1
    scale = alt.Scale(domain=[max(0, lowest - margin), highest + margin], nice=False, zero=False)
    x = alt.X("day:T", axis=_date_axis(days), scale=alt.Scale(type="utc"))
    values = alt.Axis(grid=True, tickCount=3, labelExpr="format(datum.value, ',')")
    y = alt.Y("value:Q", axis=values, scale=scale)
    tooltip = [alt.Tooltip(name) for name in ("title:N", "date:N", "origin:N", "value:Q")]
    base = alt.Chart().encode(x=x, y=y, detail="origin:N", tooltip=tooltip)
    of_film = f"datum.movie_id == {film}"

    def only(kind: str) -> alt.Chart:
        return base.transform_filter(f"{of_film} && datum.kind == '{kind}'")

    return alt.LayerChart(
        layer=[
            only("earlier").mark_line(strokeWidth=1, color=FALL, opacity=0.6),
            only("newest").mark_line(strokeWidth=1.5, color=FALL, strokeDash=[4, 3]),
            only("came").mark_line(strokeWidth=2.5, color=BAR),
            only("came").mark_circle(size=20, opacity=1, color=BAR),
        ],
        width=_PLOT_WIDTH,
        height=_HEIGHT,
        title=name_labels("Film", film, title, _TITLE_WIDTH)["label"],
    )


def _date_axis(days: list[str]) -> alt.Axis:
    """The first day, the last, and one in the middle."""
    first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
    shown = sorted({first, first + (last - first) // 2, last})
    return alt.Axis(format="%-d %b", ticks=True, values=[day.isoformat() for day in shown])
