"""What the films are: their languages, their countries, and those that come out soon.

All take `snapshot_date` and `is_sample` like the charts of `figures.py`.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tmdb_assets.charts.bars import Column, Measure, labelled_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, label_text
from tmdb_assets.charts.notice import notice
from tmdb_assets.charts.theme import WIDTH, Page
from tmdb_assets.charts.values import Datum, conform_rows, to_date, to_number, to_text

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_NAME_WIDTH = 24
_TITLE_WIDTH = 38


def original_languages(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return bars of the number of films by original language, in the order given, with share and mean popularity.

    `frame` holds one row a language: iso_639_1 and name (None: unknown), n_movies, film_share (0 to 1),
    avg_popularity.
    """
    page = Page("Original languages", "Number of films by original language", snapshot_date, is_sample)
    return _ranked_groups(page, frame, "iso_639_1", "Language")


def production_countries(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return bars of the number of films by country of production, as `original_languages` does by language.

    `frame` holds one row a country: iso_3166_1 and name (None: unknown), n_movies, film_share (0 to 1), avg_popularity.
    """
    notes = ["A film counts in each of its countries."]
    page = Page("Countries of production", "Number of films by country", snapshot_date, is_sample, notes)
    return _ranked_groups(page, frame, "iso_3166_1", "Country")


def _ranked_groups(page: Page, frame: pd.DataFrame, code: str, heading: str) -> alt.LayerChart:
    columns = {"n_movies": to_number, "film_share": to_number, "avg_popularity": to_number}
    rows = conform_rows(frame, {code: to_text, "name": to_text, **columns})
    if not rows:
        return page.empty()
    for row in rows:
        name = row["name"] or row[code] or "Not known"
        row |= {
            "label": label_text(name, _NAME_WIDTH),
            "label_without_font": f"{heading} {row[code]} (no font)",
            "share_label": _percent(row["film_share"]),
            "popularity_label": format_measure(row["avg_popularity"]),
        }
    texts = [
        Column("label", heading, x=0, limit=206),
        Column("share_label", "Share", x=552, align="right"),
        Column("popularity_label", "Mean popularity", x=WIDTH, align="right"),
    ]
    measure = Measure("n_movies", "Films", x=216, x2=420, write=format_count)
    return labelled_bars(page, rows, measure, texts, ["label:N", "n_movies:Q", "film_share:Q", "avg_popularity:Q"])


def _percent(share: float | None) -> str:
    if share is None:
        return MISSING
    return "<0.1%" if 0 < share < 0.0005 else f"{100 * share:.1f}%"


def release_calendar(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.LayerChart:
    """Return the films that came out lately or come out soon, by day of release, with bars of their popularity.

    `frame` holds one row a film: release_date, movie_id, title, popularity. Where a loaded day has none, the chart
    says so.
    """
    columns = {"release_date": to_date, "movie_id": to_number, "title": to_text, "popularity": to_number}
    rows = [row for row in conform_rows(frame, columns) if row["release_date"] is not None]
    meaning = "The most popular films of the past month and the coming year; TMDB popularity score (no unit)"
    page = Page("Release calendar", meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty() if snapshot_date is None else notice(page, "No releases", _NO_RELEASES)
    rows = [row | _release_labels(row, snapshot_date) for row in sorted(rows, key=lambda row: row["release_date"])]
    texts = [
        Column("day_label", "Release", x=0, is_quiet=True),
        Column("when_label", "", x=106, is_quiet=True),
        Column("label", "Film", x=206, limit=270),
    ]
    measure = Measure("popularity", "Popularity", x=484, x2=596)
    return labelled_bars(page, rows, measure, texts, ["title:N", "release_date:N", "popularity:Q"])


_NO_RELEASES = "No film of this day came out lately or comes out within a year."


def _release_labels(row: Datum, snapshot_date: dt.date | None) -> Datum:
    released = dt.date.fromisoformat(row["release_date"])
    film = "Film" if row["movie_id"] is None else f"Film {row['movie_id']:.0f}"
    return {
        "day_label": row["release_date"],
        "when_label": "" if snapshot_date is None else _when((released - snapshot_date).days),
        "label": label_text(row["title"] or f"{film} (no title)", _TITLE_WIDTH),
        "label_without_font": f"{film} (no font for its title)",
    }


def _when(days: int) -> str:
    """How far a day is from the snapshot: in days, from two weeks on in weeks."""
    if days == 0:
        return "that day"
    number, unit = (abs(days), "day") if abs(days) < 14 else (abs(days) // 7, "week")
    many = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"in {many}" if days > 0 else f"{many} ago"
