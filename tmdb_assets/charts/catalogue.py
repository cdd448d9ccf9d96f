"""The charts of what is in the catalogue: languages, countries, and releases; arguments as in `figures.py`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tmdb_assets.charts.bars import Column, Measure, table_of_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, label_text, name_labels
from tmdb_assets.charts.theme import Page
from tmdb_assets.charts.values import conform_rows

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_NAME_WIDTH = 24
_TITLE_WIDTH = 38


def original_languages(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the number of films by original language, in the order given, with share and median popularity.

    `frame` holds one row per language: iso_639_1 and name (None: unknown), n_movies, film_share (0 to 1),
    median_popularity.
    """
    page = Page("Original languages", "Number of films by original language", snapshot_date, is_sample)
    return _ranked_groups(page, frame, "iso_639_1", "Language")


def production_countries(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the number of films by country of production, as `original_languages` does by language.

    `frame` holds one row per country: iso_3166_1 and name (None: unknown), n_movies, film_share (0 to 1),
    median_popularity.
    """
    notes = ["A film counts in each of its countries."]
    page = Page("Countries of production", "Number of films by country of production", snapshot_date, is_sample, notes)
    return _ranked_groups(page, frame, "iso_3166_1", "Production country")


def _ranked_groups(page: Page, frame: pd.DataFrame, code: str, heading: str) -> alt.VConcatChart:
    rows = conform_rows(frame, numbers=["n_movies", "film_share", "median_popularity"], texts=[code, "name"])
    if not rows:
        return page.empty()
    for row in rows:
        name = row["name"] or row[code] or "Not known"
        row |= {
            "label": label_text(name, _NAME_WIDTH),
            "label_without_font": f"{heading} {row[code]} (no font)",
            "share_label": _percent(row["film_share"]),
            "popularity_label": format_measure(row["median_popularity"]),
        }
    shown = [
        Column("label", heading, 216),
        Measure("n_movies", "Films", 256, write=format_count),
        Column("share_label", "Share", 62, is_right=True, gap=0),
        Column("popularity_label", "Median popularity", 134, is_right=True, gap=0),
    ]
    tooltip = ["label:N", "n_movies:Q", "film_share:Q", "median_popularity:Q"]
    return table_of_bars(page, rows, shown, tooltip)


def _percent(share: float | None) -> str:
    if share is None:
        return MISSING
    return "<0.1%" if 0 < share < 0.0005 else f"{100 * share:.1f}%"


def release_calendar(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the popularity of the films released lately or soon, by day of release.

    `frame` holds one row per film: release_date, movie_id, title, popularity. The chart says so when a loaded day has
    no such film.
    """
    films = conform_rows(frame, numbers=["movie_id", "popularity"], texts=["title"], dates=["release_date"])
    rows = [film for film in films if film["release_date"] is not None]
    meaning = "The most popular films of the past month and the coming year; TMDB popularity score (no unit)"
    page = Page("Release calendar", meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty("No releases", _NO_RELEASES)
    rows = [
        row
        | name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH)
        | {"when_label": "" if snapshot_date is None else _when(row["release_date"], snapshot_date)}
        for row in sorted(rows, key=lambda row: row["release_date"])
    ]
    shown = [
        Column("release_date", "Release", 106, is_quiet=True),
        Column("when_label", "", 112, is_quiet=True),
        Column("label", "Film", 268),
        Measure("popularity", "Popularity", 182),
    ]
    return table_of_bars(page, rows, shown, ["title:N", "release_date:N", "popularity:Q"])


_NO_RELEASES = "No film was released in the past month or is due within a year."


def _when(released: str, snapshot_date: dt.date) -> str:
    """How far a release is from the snapshot: in days, or in weeks from two weeks on."""
    days = (dt.date.fromisoformat(released) - snapshot_date).days
    if days == 0:
        return "that day"
    number, unit = (abs(days), "day") if abs(days) < 14 else (abs(days) // 7, "week")
    many = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"in {many}" if days > 0 else f"{many} ago"
