"""From the frames read from Postgres to the page's data."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tmdb_assets.charts.labels import Moved
from tmdb_assets.charts.values import as_frame
from tmdb_assets.dashboard.history import FLOOR, STEP
from tmdb_assets.language import country_name, language_name, use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tmdb_assets.dashboard.page_rows import PageRows

WEEK = 7
"""Days between the two figures of a change."""
PLACES = 4
"""Decimal places of TMDb's popularity."""


@dataclass(frozen=True)
class Figures:
    """What the page shows: the films of the newest loaded day, and their popularity on the days before it.

    `films`, most popular first: movie_id, title, original_title, release_year, vote_average, vote_count,
    original_language, genres, countries and people (lists of codes; people are its directors, then its leads), and
    n_directors. `genres`,
    `languages` and `people`: code, name. `countries`: code, name, continent. `history`: date_id, movie_id, popularity;
    includes the newest day. `n_films` is the number of films on that day; `films` may be only the most popular of them.
    `details`, of some of the films: movie_id, release, runtime, overview, poster, keywords, releases (country, type,
    date, certificate of each) and similar (movie_id and reason of each). `queries`: SQL by the part of the page.
    """

    snapshot_date: dt.date | None
    n_films: int
    films: pd.DataFrame
    genres: pd.DataFrame
    countries: pd.DataFrame
    languages: pd.DataFrame
    people: pd.DataFrame
    history: pd.DataFrame
    details: pd.DataFrame = field(default_factory=pd.DataFrame)
    queries: Mapping[str, str] = field(default_factory=dict)

    @property
    def days(self) -> list[dt.date]:
        """The days of the history, oldest first."""
        return sorted(pd.to_datetime(self.history["date_id"]).dt.date.unique())


def figures_of(rows: PageRows) -> Figures:
    """The figures of a page from the rows that were read."""
    tables = ("films", "genres", "countries", "languages", "people", "details")
    frames = {name: as_frame(getattr(rows, name)) for name in tables}
    n_films = int(frames["films"]["n_films"].max()) if len(frames["films"]) else 0
    return Figures(
        rows.snapshot_date, n_films, **frames, history=pd.DataFrame(dict(rows.history)), queries=rows.queries
    )


def matrix(figures: Figures) -> NDArray[np.float64]:
    """Return popularity by film and day, in the order of `films` and `days`; NaN where a film has no fact."""
    films = pd.Index(figures.films["movie_id"])
    days = pd.DatetimeIndex(pd.to_datetime(figures.days))
    made = np.full((len(films), len(days)), np.nan)
    rows = films.get_indexer(figures.history["movie_id"])
    columns = days.get_indexer(pd.DatetimeIndex(pd.to_datetime(figures.history["date_id"])))
    known = rows >= 0
    made[rows[known], columns[known]] = figures.history["popularity"].to_numpy(dtype=float)[known]
    return made


def page_data(figures: Figures, popularity: NDArray[np.float64]) -> dict[str, Any]:
    """Return the data of the page, JSON-ready, except the history; `popularity` is `matrix(figures)`.

    In each film, genres, countries, languages and people are indexes into their lists. `exact` has the newest day and
    the day a week before it, so that the page's figures and changes equal the warehouse's.
    """
    days = figures.days
    week_ago = (figures.snapshot_date - dt.timedelta(days=WEEK)) if figures.snapshot_date else None
    films = figures.films
    used = {name: _used(films[name]) for name in ("genres", "countries", "people")}
    used["languages"] = _used([code] for code in films["original_language"] if code)
    places = {name: {code: place for place, code in enumerate(codes)} for name, codes in used.items()}
    return {
        "snapshot_date": str(figures.snapshot_date),
        "days": [str(day) for day in days],
        "step": STEP,
        "floor": FLOOR,
        "exact": {
            str(days.index(day)): [_rounded(value, PLACES) for value in popularity[:, days.index(day)]]
            for day in (figures.snapshot_date, week_ago)
            if day in days
        },
        "genres": _named(used["genres"], figures.genres),
        "countries": _named(used["countries"], figures.countries, "continent"),
        "languages": _named(used["languages"], figures.languages),
        "french": _french(used, figures),
        "people": [name for _, name in _named(used["people"], figures.people)],
        "people_ids": used["people"],
        "queries": dict(figures.queries),
        "films": {
            "id": [str(value) for value in films["movie_id"]],  # a number of JavaScript holds only 53 bits of an id
            "title": [str(value) for value in films["title"]],
            "original": [
                _text(original) if _text(original) != title else None
                for title, original in zip(films["title"], films["original_title"], strict=True)
            ],
            "year": [_whole(value) for value in films["release_year"]],
            "rating": [_rounded(value, 3) for value in films["vote_average"]],
            "votes": [_whole(value) for value in films["vote_count"]],
            "language": [places["languages"].get(code, -1) for code in films["original_language"]],
            "genres": [[places["genres"][code] for code in codes] for codes in films["genres"]],
            "countries": [[places["countries"][code] for code in codes] for codes in films["countries"]],
            "people": [[places["people"][code] for code in codes] for codes in films["people"]],
            "directors": films["n_directors"].tolist(),
        },
    }


def details_data(figures: Figures) -> dict[str, Any]:
    """Return what the panels of films show in addition, JSON-ready: a list per column, in the order of `id`."""
    details = figures.details
    if not len(details):
        return {}
    plain = {"release": _text, "runtime": _whole, "overview": _text, "poster": _text}
    return {
        "id": [str(value) for value in details["movie_id"]],
        **{name: [conform(value) for value in details[name]] for name, conform in plain.items()},
        **{name: [list(value or []) for value in details[name]] for name in ("keywords", "releases", "similar")},
    }


def riser_of(figures: Figures, popularity: NDArray[np.float64]) -> Moved | None:
    """The film that gained most popularity within a week; None where the day before is missing."""
    week_ago = figures.snapshot_date - dt.timedelta(days=WEEK) if figures.snapshot_date else None
    if week_ago not in figures.days:
        return None
    before = popularity[:, figures.days.index(week_ago)]
    change = np.nan_to_num(popularity[:, -1] - before, nan=-np.inf)
    film = int(np.argmax(change))
    if not np.isfinite(change[film]):
        return None
    return Moved(str(figures.films["title"].iloc[film]), float(before[film]), float(popularity[film, -1]))


def _used(lists: Iterable[Iterable[Any]]) -> list[Any]:
    return sorted({code for codes in lists for code in codes})


def _named(codes: list[Any], names: pd.DataFrame, *more: str) -> list[list[Any]]:
    """Code and name of each, and more columns; the code replaces an unknown name."""
    known = names.set_index("code")
    return [
        [
            code,
            (_text(known["name"].get(code)) or str(code)),
            *(_text(known[column].get(code)) for column in more),
        ]
        for code in codes
    ]


def _french(used: dict[str, list[Any]], figures: Figures) -> dict[str, list[str | None]]:
    """The French names of countries and languages, in their order."""
    with use("fr"):
        return {
            "countries": [country_name(code, name) for code, name in _named(used["countries"], figures.countries)],
            "languages": [language_name(code, name) for code, name in _named(used["languages"], figures.languages)],
        }


def _is_unknown(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _text(value: Any) -> str | None:
    return None if _is_unknown(value) else str(value)


def _whole(value: Any) -> int | None:
    return None if _is_unknown(value) else int(value)


def _rounded(value: Any, places: int) -> float | None:
    return None if _is_unknown(value) else round(float(value), places)
