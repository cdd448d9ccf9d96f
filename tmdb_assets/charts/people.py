"""The charts of people, releases by country and keywords; arguments as in `figures.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmdb_assets.charts.bars import Column, Measure, table_of_bars
from tmdb_assets.charts.labels import MISSING, format_count, format_measure, format_rating, label_text, name_labels
from tmdb_assets.charts.lines import HISTORY_ADVICE, NO_HISTORY
from tmdb_assets.charts.theme import Page
from tmdb_assets.charts.trends import lines_of_films
from tmdb_assets.charts.values import conform_rows
from tmdb_assets.language import day_text, mark, tr

if TYPE_CHECKING:
    import datetime as dt

    import altair as alt
    import pandas as pd

_NAME_WIDTH = 26
_TITLE_WIDTH = 30
_NOBODY = mark("No film of a loaded day has known cast or crew.")


def top_people(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the summed popularity of people's films, the highest first, with films and the best one.

    `frame` holds one row per person: person_id, name, n_movies, popularity, median_popularity, best_title.
    """
    rows = conform_rows(
        frame, numbers=["person_id", "n_movies", "popularity", "median_popularity"], texts=["name", "best_title"]
    )
    meaning = tr("Sum of the TMDB popularity score (no unit) of their films, in the cast or behind the camera")
    page = Page(tr("People by popularity"), meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr("No people"), tr(_NOBODY))
    rows = [
        row
        | name_labels(mark("Person"), row["person_id"], row["name"], _NAME_WIDTH)
        | {
            "films_label": format_count(row["n_movies"]),
            "best_label": label_text(row["best_title"] or MISSING, _TITLE_WIDTH),
        }
        for row in rows
    ]
    shown = [
        Column("label", tr("Person"), 200),
        Measure("popularity", tr("Popularity"), 170),
        Column("films_label", tr("Films"), 52, is_right=True),
        Column("best_label", tr("Most popular film"), 230, is_quiet=True),
    ]
    tooltip = ["name:N", "popularity:Q", "median_popularity:Q", "n_movies:Q", "best_title:N"]
    return table_of_bars(page, rows, shown, tooltip)


def directors_by_rating(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the rating of directors, the best first, with films and votes.

    `frame` holds rows of vw_director_ranking: rank, person_id, name, n_movies, total_votes,
    weighted_rating, votes_weighted_rating.
    """
    numbers = ["rank", "person_id", "n_movies", "total_votes", "weighted_rating", "votes_weighted_rating"]
    rows = conform_rows(frame, numbers=numbers, texts=["name"])
    meaning = tr("Mean rating by votes, 0 to 10, with 1,000 more votes at that of all films; three films or more")
    page = Page(tr("Directors by rating"), meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr("No directors"), tr(_NO_DIRECTORS))
    rows = [
        row
        | name_labels(mark("Person"), row["person_id"], row["name"], _NAME_WIDTH)
        | {
            "rank_label": format_count(row["rank"]),
            "films_label": format_count(row["n_movies"]),
            "votes_label": format_count(row["total_votes"], full_below=10_000),
        }
        for row in rows
    ]
    shown = [
        Column("rank_label", "", 34, is_right=True, is_quiet=True),
        Column("label", tr("Director"), 216),
        Measure("weighted_rating", tr("Rating"), 256, write=format_rating),
        Column("films_label", tr("Films"), 62, is_right=True, gap=0),
        Column("votes_label", tr("Votes"), 84, is_right=True, gap=0),
    ]
    return table_of_bars(page, rows, shown, ["name:N", "weighted_rating:Q", "votes_weighted_rating:Q", "total_votes:Q"])


_NO_DIRECTORS = mark("No director has three films with votes.")


def films_of_a_person(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return a line for each of a person's 8 most popular films, as `popularity_over_time` does.

    `frame` holds one row per film and day: date_id, movie_id, title, popularity, person_name, and step_days when only
    every `step_days`-th day was read.
    """
    names = [name for name in frame["person_name"] if isinstance(name, str)] if len(frame) else []
    title = tr("Films of {name}", name=names[0]) if names else tr("Films of a person")
    return lines_of_films(frame, title, snapshot_date=snapshot_date, is_sample=is_sample)


def releases_by_country(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the popularity of the films to be released in a country, by date, with type and certificate.

    `frame` holds one row per release: release_date, movie_id, title, release_type, certification, popularity, country.
    """
    texts = ["title", "release_type", "certification", "country"]
    rows = conform_rows(frame, numbers=["movie_id", "popularity"], texts=texts, dates=["release_date"])
    country = rows[0]["country"] if rows else None
    title = tr("Releases in {country}", country=country) if country else tr("Releases by country")
    meaning = tr("The most popular films of the next 60 days; TMDB popularity score (no unit)")
    page = Page(title, meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr("No releases"), tr(_NO_RELEASES))
    rows = [
        row
        | name_labels("Film", row["movie_id"], row["title"], _TITLE_WIDTH)
        | {"release_label": day_text(row["release_date"] or MISSING, "short")}
        | {"type_label": tr(row["release_type"] or MISSING), "certificate_label": row["certification"] or MISSING}
        for row in rows
    ]
    shown = [
        Column("release_label", tr("Release"), 100, is_quiet=True),
        Column("type_label", tr("Type"), 142, is_quiet=True),
        Column("label", tr("Film"), 240),
        Column("certificate_label", tr("Rated"), 64, is_quiet=True),
        Measure("popularity", tr("Popularity"), 120),
    ]
    tooltip = ["title:N", "release_date:N", "release_type:N", "certification:N", "popularity:Q"]
    return table_of_bars(page, rows, shown, tooltip)


_NO_RELEASES = mark("No film is to be released in this country within 60 days.")


def rising_keywords(frame: pd.DataFrame, *, snapshot_date: dt.date | None, is_sample: bool) -> alt.VConcatChart:
    """Return bars of the percent by which the popularity of keywords' films rose in 7 days, the strongest first.

    `frame` holds one row per keyword: keyword_id, name, n_movies, median_popularity, change_percent_7d.
    """
    numbers = ["keyword_id", "n_movies", "median_popularity", "change_percent_7d"]
    rows = conform_rows(frame, numbers=numbers, texts=["name"])
    meaning = tr("Change in 7 days of the summed popularity of their films, in %; three films or more")
    page = Page(tr("Rising keywords"), meaning, snapshot_date, is_sample)
    if not rows:
        return page.empty(tr(NO_HISTORY), tr(_NO_RISE), *map(tr, HISTORY_ADVICE))
    rows = [
        row
        | name_labels(mark("Keyword"), row["keyword_id"], row["name"], _NAME_WIDTH)
        | {
            "films_label": format_count(row["n_movies"]),
            "popularity_label": format_measure(row["median_popularity"]),
        }
        for row in rows
    ]
    shown = [
        Column("label", tr("Keyword"), 216),
        Measure("change_percent_7d", tr("Change in 7 days, %"), 246),
        Column("films_label", tr("Films"), 62, is_right=True, gap=0),
        Column("popularity_label", tr("Median popularity"), 140, is_right=True, gap=0),
    ]
    return table_of_bars(page, rows, shown, ["name:N", "change_percent_7d:Q", "n_movies:Q", "median_popularity:Q"])


_NO_RISE = mark("No keyword of three films rose since a week ago.")
