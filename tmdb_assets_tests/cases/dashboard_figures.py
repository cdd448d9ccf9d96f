"""Figures for the dashboard without a database: any number of films and days, with realistic noise."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from tmdb_assets.dashboard.page_data import Figures

NEWEST = dt.date(2026, 7, 29)
GENRES = {28: "Action", 35: "Comedy", 18: "Drama", 27: "Horror", 878: "Science Fiction"}
COUNTRIES = {"FR": ("France", "Europe"), "IT": ("Italy", "Europe"), "JP": ("Japan", "Asia")}
COUNTRIES |= {"US": ("United States of America", "North America"), "XX": (None, None)}
PEOPLE = {287 + number: f"Zoë Person-{number}" for number in range(40)}
LANGUAGES = {"en": "English", "fr": "French", "ja": "Japanese"}
WORDS = [
    "night",
    "river",
    "stone",
    "daughter",
    "of the",
    "last",
    "summer",
    "red",
    "dragon",
    "house",
    "without a",
    "moon",
]


def make_figures(
    films: pd.DataFrame, history: pd.DataFrame, *, newest: dt.date | None = NEWEST, n_films: int = 0
) -> Figures:
    """Figures with the small lists of this module."""
    return Figures(
        snapshot_date=NEWEST if len(films) else None,
        n_films=n_films or len(films),
        films=films,
        genres=pd.DataFrame({"code": list(GENRES), "name": list(GENRES.values())}),
        countries=pd.DataFrame(
            [(code, *names) for code, names in COUNTRIES.items()], columns=["code", "name", "continent"]
        ),
        languages=pd.DataFrame({"code": list(LANGUAGES), "name": list(LANGUAGES.values())}),
        people=pd.DataFrame({"code": list(PEOPLE), "name": list(PEOPLE.values())}),
        history=history,
    )


def film(movie_id: int, title: str, **changes: Any) -> dict[str, Any]:
    """One row of the films' frame."""
    row = {"movie_id": movie_id, "title": title, "original_title": title, "release_year": 2020, "vote_average": 6.5}
    row |= {
        "vote_count": 100,
        "original_language": "en",
        "genres": [18],
        "countries": ["US"],
        "people": [],
        "n_directors": 0,
    }
    return row | changes


def history_of(popularity: dict[int, list[float | None]], newest: dt.date = NEWEST) -> pd.DataFrame:
    """A history from each film's popularity on the days up to the newest; None where it has none."""
    rows = [
        (newest - dt.timedelta(days=len(values) - 1 - place), movie_id, value)
        for movie_id, values in popularity.items()
        for place, value in enumerate(values)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["date_id", "movie_id", "popularity"])


def noisy_figures(n_films: int, n_days: int) -> Figures:
    """Many different films: a long tail of popularity that moves by a tenth per day, one day in 50 missing."""
    random = np.random.default_rng(7)
    start = 900 * np.arange(1, n_films + 1) ** -0.62
    walk = np.exp(random.normal(0, 0.1, (n_films, n_days))) * np.exp(
        np.cumsum(random.normal(0, 0.02, (n_films, n_days)), 1)
    )
    popularity = np.round(start[:, None] * walk, 4)
    order = np.argsort(-popularity[:, -1], kind="stable")
    popularity = popularity[order]
    ids = random.choice(1_500_000, n_films, replace=False) + 1
    words = np.array(WORDS)
    titles = [" ".join(random.choice(words, random.integers(1, 6))).title() for _ in range(n_films)]
    votes = random.integers(0, 30_000, n_films)

    def pick(values: dict[Any, Any], most: int) -> list[list[Any]]:
        counts, keys = random.integers(0, most, n_films), np.array(list(values))
        return [random.choice(keys, count, replace=False).tolist() for count in counts]

    films = pd.DataFrame(
        {
            "movie_id": ids,
            "title": titles,
            "original_title": [title if place % 3 else title[::-1] for place, title in enumerate(titles)],
            "release_year": pd.array(random.integers(1930, 2027, n_films), dtype="Int64"),
            "vote_average": np.where(votes > 0, np.round(random.normal(6.4, 1, n_films).clip(0, 10), 3), np.nan),
            "vote_count": votes,
            "original_language": random.choice(list(LANGUAGES), n_films),
            "genres": pick(GENRES, 4),
            "countries": pick(COUNTRIES, 3),
            "people": pick(PEOPLE, 7),
            "n_directors": 0,
        }
    )
    known = random.random((n_films, n_days)) > 0.02
    known[:, -1] = True
    rows, columns = np.nonzero(known)
    days = pd.date_range(end=pd.Timestamp(NEWEST), periods=n_days).to_numpy()
    history = pd.DataFrame({"date_id": days[columns], "movie_id": ids[rows], "popularity": popularity[rows, columns]})
    return make_figures(films, history, n_films=n_films * 3)


def noisy_details(figures: Figures, n_films: int) -> pd.DataFrame:
    """Details of the first films, each field as long as the page takes it."""
    random = np.random.default_rng(11)
    ids = figures.films["movie_id"].tolist()
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    # An array: of a list, each choice would make one first.
    vocabulary = np.array(["".join(random.choice(letters[:26], random.integers(2, 10))) for _ in range(6000)])
    known = np.array(ids)
    return pd.DataFrame(
        {
            "movie_id": ids[:n_films],
            "release": "2024-05-17",
            "runtime": random.integers(60, 200, n_films),
            "overview": [" ".join(random.choice(vocabulary, 55))[:300] for _ in range(n_films)],
            "poster": ["/" + "".join(random.choice(letters, 27)) + ".jpg" for _ in range(n_films)],
            "keywords": [random.choice(vocabulary, 8).tolist() for _ in range(n_films)],
            "releases": [
                [
                    [country, "Theatrical", f"2024-05-{day:02}", "16"]
                    for country, day in zip("ABCDEFGH", days, strict=True)
                ]
                for days in random.integers(1, 29, (n_films, 8))
            ],
            "similar": [
                [[str(one), f"genre Drama, keyword {word}"] for one, word in zip(found, words, strict=True)]
                for found, words in (
                    (random.choice(known, 8).tolist(), random.choice(vocabulary, 8).tolist()) for _ in range(n_films)
                )
            ],
        }
    )
