"""From the frames that Postgres delivers to the page's data."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tmdb_assets.dashboard.history import FLOOR, STEP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

WEEK = 7
"""Days between the two figures of a change."""
PLACES = 4
"""Decimal places of TMDb's popularity."""


@dataclass(frozen=True)
class Figures:
    """What the page is made of: the films of the newest loaded day, and their popularity on the days before it.

    `films`, the most popular first: movie_id, title, original_title, release_year, vote_average, vote_count,
    original_language, genres and countries (lists of codes). `genres`: code, name. `languages`: code, name.
    `countries`: code, name, continent. `history`: date_id, movie_id, popularity; the newest day is part of it.
    `n_films` is how many films that day has, of which `films` may be the first.
    """

    snapshot_date: dt.date | None
    n_films: int
    films: pd.DataFrame
    genres: pd.DataFrame
    countries: pd.DataFrame
    languages: pd.DataFrame
    history: pd.DataFrame

    @property
    def days(self) -> list[dt.date]:
        """The days of the history, the oldest first."""
        return sorted(pd.to_datetime(self.history["date_id"]).dt.date.unique())


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
    """Return what the page computes with, JSON-ready, but for the history; `popularity` is `matrix(figures)`.

    Codes of genres, countries and languages are numbers in each film, for their place in the lists. The newest day and
    the day a week before it stand in `exact`, so that the page's own figures and changes are the warehouse's.
    """
    days = figures.days
    week_ago = (figures.snapshot_date - dt.timedelta(days=WEEK)) if figures.snapshot_date else None
    films = figures.films
    used = {name: _used(films[name]) for name in ("genres", "countries")}
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
        "films": {
            "id": [int(value) for value in films["movie_id"]],
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
        },
    }


def _used(lists: Iterable[Iterable[Any]]) -> list[Any]:
    return sorted({code for codes in lists for code in codes})


def _named(codes: list[Any], names: pd.DataFrame, *more: str) -> list[list[Any]]:
    """Code and name of each, and more columns; the code stands for a name that is not known."""
    known = names.set_index("code")
    return [
        [
            code,
            (_text(known["name"].get(code)) or str(code)),
            *(_text(known[column].get(code)) for column in more),
        ]
        for code in codes
    ]


def _is_unknown(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _text(value: Any) -> str | None:
    return None if _is_unknown(value) else str(value)


def _whole(value: Any) -> int | None:
    return None if _is_unknown(value) else int(value)


def _rounded(value: Any, places: int) -> float | None:
    return None if _is_unknown(value) else round(float(value), places)
