"""The charts of what is in the catalogue: languages, countries, and releases; arguments as in `figures.py`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tmdb_assets.charts.bars import Column, Measure, table_of_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, label_text, name_labels
from tmdb_assets.charts.theme import Page
from tmdb_assets.charts.values import conform_rows
from tmdb_assets.language import country_name, day_text, language_name, mark, percent, tr, trn

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt
    import pandas as pd

_NAME_WIDTH = 24
_TITLE_WIDTH = 38


def original_languages(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the number of films by original language, in the order given, with share and median popularity.

    `frame` holds one row per language: iso_639_1 and name (None: unknown), n_movies, film_share (0 to 1),
    median_popularity.
    """
    page = Page(tr("Original languages"), tr("Number of films by original language"), snapshot_date, is_sample)
    return _ranked_groups(page, frame, "iso_639_1", tr("Language"), language_name)


def production_countries(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the number of films by country of production, as `original_languages` does by language.

    `frame` holds one row per country: iso_3166_1 and name (None: unknown), n_movies, film_share (0 to 1),
    median_popularity.
    """
    notes, meaning = [tr("A film counts in each of its countries.")], tr("Number of films by country of production")
    page = Page(tr("Countries of production"), meaning, snapshot_date, is_sample, notes)
    return _ranked_groups(page, frame, "iso_3166_1", tr("Production country"), country_name)


def _ranked_groups(
    page: Page, frame: pd.DataFrame, code: str, heading: str, named: Callable[[str | None, str | None], str | None]
) -> alt.VConcatChart:
    rows = conform_rows(frame, numbers=["n_movies", "film_share", "median_popularity"], texts=[code, "name"])
    if not rows:
        return page.empty()
    for row in rows:
        name = named(row[code], row["name"]) or row[code] or tr("Not known")
        row |= {
            "label": label_text(name, _NAME_WIDTH),
            "label_without_font": tr("{one} (no font)", one=f"{heading} {row[code]}"),
            "share_label": _percent(row["film_share"]),
            "popularity_label": format_measure(row["median_popularity"]),
        }
    shown = [
        Column("label", heading, 206),
        Measure("n_movies", tr("Films"), 256, write=format_count),
        Column("share_label", tr("Share"), 62, is_right=True, gap=0),
        Column("popularity_label", tr("Median popularity"), 144, is_right=True, gap=0),
    ]
    tooltip = ["label:N", "n_movies:Q", "film_share:Q", "median_popularity:Q"]
    return table_of_bars(page, rows, shown, tooltip)


def _percent(share: float | None) -> str:
    if share is None:
        return MISSING
    return percent("<0.1" if 0 < share < 0.0005 else f"{100 * share:.1f}")


def release_calendar(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the popularity of the films released lately or soon, by day of release.

    `frame` holds one row per film: release_date, movie_id, title, popularity. The chart says so when a loaded day has
    no such film.
    """
    films = conform_rows(frame, numbers=["movie_id", "popularity"], texts=["title"], dates=["release_date"])
    rows = [film for film in films if film["release_date"] is not None]
    meaning = tr("The most popular films of the past month and the coming year; TMDB popularity score (no unit)")
    page = Page(tr("Release calendar"), meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr("No releases"), tr(_NO_RELEASES))
    rows = [
        row
        | name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH)
        | {"release_label": day_text(row["release_date"], "short")}
        | {"when_label": "" if snapshot_date is None else _when(row["release_date"], snapshot_date)}
        for row in sorted(rows, key=lambda row: row["release_date"])
    ]
    shown = [
        Column("release_label", tr("Release"), 106, is_quiet=True),
        Column("when_label", "", 112, is_quiet=True),
        Column("label", tr("Film"), 268),
        Measure("popularity", tr("Popularity"), 182),
    ]
    return table_of_bars(page, rows, shown, ["title:N", "release_date:N", "popularity:Q"])


_NO_RELEASES = mark("No film was released in the past month or is due within a year.")


def _when(released: str, snapshot_date: dt.date) -> str:
    """How far a release is from the snapshot: in days, or in weeks from two weeks on."""
    days = (dt.date.fromisoformat(released) - snapshot_date).days
    if days == 0:
        return tr("that day")
    number = abs(days) if abs(days) < 14 else abs(days) // 7
    if abs(days) < 14:
        return (
            trn("in {number} day", "in {number} days", number, number=number)
            if days > 0
            else trn("{number} day ago", "{number} days ago", number, number=number)
        )
    if days > 0:
        return trn("in {number} week", "in {number} weeks", number, number=number)
    return trn("{number} week ago", "{number} weeks ago", number, number=number)
