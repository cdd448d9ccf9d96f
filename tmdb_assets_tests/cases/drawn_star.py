"""A star schema drawn from a seed: ties, gaps, removed films, old votes, people with several roles; rows to count.

Two seeds have what a drawn star lacks. 2: equal ratings, so that only votes and ids order directors, and the highest
popularity that may be. 3: a newest day whose only popularity is 0, of which few films were there a week before; and
days of years before.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from random import Random
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from uuid import UUID

NEWEST = dt.date(2026, 7, 31)
DAYS = [NEWEST - dt.timedelta(days=number) for number in (30, 15, 14, 7, 2, 1, 0)]  # as they are loaded
OLD_DAYS = [NEWEST - dt.timedelta(days=number) for number in (1000, 999, 367, 366)]  # of the third star
EMPTY_DAY = NEWEST - dt.timedelta(days=3)  # loaded after them, without a film
POPULARITIES = (0.0, 0.0005, 0.001, 4.99, 5.0, 5.0, 7.5, 20.0, 20.0, 33.25)
FILMS, PEOPLE, KEYWORDS = range(1, 41), range(3, 11), range(1, 41)
TAIL = range(101, 451)  # films of the newest day alone, alike: the place of the 200th most popular is among them
SOLO, DUO = 1, 2  # people of one film, and of two
PAIR, THEIR_FILMS = (11, 12), (3, 4)  # two people who are in these two films and in no other
DIRECTORS, THEIRS = range(201, 225), (3, 4, 5)  # they directed these three, all with ratings, and no other
TINY = 10  # a film of a genre and a keyword of its own, whose popularity is almost nothing, and was nothing
HUGE = 12  # a film that has the highest popularity that may be in the second star
STEADY = {1: 7.5, 2: 20.0}  # films that nothing changes
GENRES = range(1, 6)
TINY_GENRES, TINY_KEYWORD = (6, 7), 70
DATED = {5: 365, 6: 366, 30: -30, 31: -31}  # films that are released so many days from the newest
NOWHERE = 99  # a film, a person, a genre and a keyword that no day and no other has; the film has links
# Code -> name and continent; releases are in DE too, which has no name.
COUNTRIES: dict[str, tuple[str, str | None]] = {
    "FR": ("France", "Europe"),
    "US": ("United States of America", "North America"),
    "IT": ("Italy", "Europe"),
    "AQ": ("Antarctica", None),
    "BR": ("Brazil", "South America"),
    "NZ": ("New Zealand", "Oceania"),
}
DRAWN_COUNTRIES, TINY_COUNTRIES = ("FR", "US", "IT", "AQ"), ("BR", "NZ")
COUNTRIES |= {f"Q{letter}": (f"Land {letter}", None) for letter in ascii_uppercase}  # each of one film
RARE = {film: f"z{letter}" for film, letter in zip((1, 2, 3, 4, 5, 12, 30, 31), ascii_lowercase, strict=False)}
LANGUAGES = ["en", "fr", *(f"q{letter}" for letter in ascii_lowercase[:12]), *RARE.values()]  # rare: of one film
RELEASED_IN = ("DE", "FR", "US")
Fact = tuple[float, float | None, int | None]
"""Popularity, mean rating, ratings; without ratings it comes from the export."""


@dataclass
class DrawnStar:
    """The rows, as tuples in the order of the insert statements of `inserts`; `facts` by day and film."""

    films: list[tuple[Any, ...]] = field(default_factory=list)
    details: dict[int, tuple[Any, ...]] = field(default_factory=dict)  # language, runtime, budget, revenue
    people: list[tuple[Any, ...]] = field(default_factory=list)
    cast: list[tuple[Any, ...]] = field(default_factory=list)
    crew: list[tuple[Any, ...]] = field(default_factory=list)
    keywords: list[tuple[Any, ...]] = field(default_factory=list)
    genres: list[tuple[Any, ...]] = field(default_factory=list)
    countries: list[tuple[Any, ...]] = field(default_factory=list)
    releases: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    facts: dict[dt.date, dict[int, Fact]] = field(default_factory=dict)

    def inserts(self) -> dict[str, list[tuple[Any, ...]]]:
        """The start of each insert statement -> its rows, parents first."""
        return {
            "dim_language (iso_639_1, name, as_of_date)": [(code, f"Speech {code}", NEWEST) for code in LANGUAGES],
            "dim_movie (movie_id, title, release_date, removed_date, as_of_date, original_language, runtime_minutes, "
            "budget_usd, revenue_usd)": [(*film, *self.details[film[0]]) for film in self.films],
            "dim_person (person_id, name, known_for_department, as_of_date)": self.people,
            "dim_keyword (keyword_id, name, as_of_date)": [
                (each, f"word {each}", NEWEST) for each in (*KEYWORDS, TINY_KEYWORD, NOWHERE)
            ],
            "dim_genre (genre_id, name, as_of_date)": [
                (each, f"Genre {each}", NEWEST) for each in (*GENRES, *TINY_GENRES, NOWHERE)
            ],
            "dim_country (iso_3166_1, name, continent, as_of_date)": [
                (code, *each, NEWEST) for code, each in COUNTRIES.items()
            ],
            "bridge_movie_genre (movie_id, genre_id)": self.genres,
            "bridge_movie_country (movie_id, iso_3166_1)": self.countries,
            "bridge_movie_cast (movie_id, credit_id, person_id, cast_order)": self.cast,
            "bridge_movie_crew (movie_id, credit_id, person_id, job)": self.crew,
            "bridge_movie_keyword (movie_id, keyword_id)": self.keywords,
            "movie_release (movie_id, iso_3166_1, release_type, release_date, certification, note)": self.releases,
            "rejected_row (id, table_name, snapshot_date, payload, reasons)": self.rejected,
            "fetch_log (snapshot_date, kind, request_count, started_at, row_count)": self.requests,
        }


def draw_star(seed: int) -> DrawnStar:
    """The star of a seed."""
    chance, made = Random(seed), DrawnStar()
    for film in (*FILMS, *TAIL, NOWHERE):
        _draw_film(made, film, chance)
    for film in (*FILMS, NOWHERE):
        _draw_links(made, film, chance)
    made.genres += [(TINY, genre) for genre in TINY_GENRES]
    made.countries += [(TINY, code) for code in TINY_COUNTRIES]
    made.countries += [(film, code) for film, code in enumerate(COUNTRIES, 101) if code.startswith("Q")]
    made.keywords.append((TINY, TINY_KEYWORD))
    made.cast += [(film, f"c{film}-{person}", person, person - 8) for film in THEIR_FILMS for person in PAIR]
    made.cast += [(film, f"e{film}-{person}", person, 9) for film, person in ((1, SOLO), (1, DUO), (2, DUO))]
    made.crew += [(film, f"d{film}-{person}", person, "Director") for film in THEIRS for person in DIRECTORS]
    made.people += [
        (each, f"Person {each}", chance.choice(["Acting", None]), NEWEST)
        for each in (SOLO, DUO, *PEOPLE, *PAIR, *DIRECTORS, NOWHERE)
    ]
    for day in [*DAYS, *(OLD_DAYS if seed == 3 else [])]:
        _draw_day(made, day, chance, [6.0] if seed == 2 else [4.5, 6.0, 8.25, 10.0])
    made.facts[NEWEST] |= dict.fromkeys(TAIL, (1.0, None, None))
    if seed == 3:
        week = NEWEST - dt.timedelta(days=7)
        made.facts[week] = {film: made.facts[week][film] for film in (*THEIRS, *DATED)}
        made.facts[NEWEST] = {film: (0.0, *votes) for film, (_, *votes) in made.facts[NEWEST].items()}
    if seed == 2:
        made.facts[NEWEST][HUGE] = (1e9, 6.0, 10)
    made.facts[EMPTY_DAY] = {}
    return made


def draw_forecasts(seed: int) -> list[tuple[Any, ...]]:
    """Forecasts of most films on ten days, as rows of forecast_movie_daily."""
    chance = Random(seed)
    return [
        (NEWEST - dt.timedelta(days=ago), horizon, film, "mean_7d", round(chance.random() * 9, 3))
        for ago in range(10)
        for film in FILMS
        if chance.random() < 0.7
        for horizon in range(chance.choice([1, 1, 2]), 8)
    ]


def _draw_film(made: DrawnStar, film: int, chance: Random) -> None:
    away = DATED.get(film, -film)
    released = None if film % 11 == 0 else NEWEST + dt.timedelta(days=away)
    made.films.append((film, f"Film {film}", released, NEWEST if film % 9 == 0 else None, NEWEST))
    made.details[film] = (
        RARE.get(film) or chance.choice([*LANGUAGES[:14], "en", None, None]),
        chance.choice([None, 85, 89, 90, 239, 240, 260]),
        chance.choice([100, 2000]) if film in TAIL or chance.random() < 0.7 else None,
        chance.choice([300, 4000]) if film in TAIL or chance.random() < 0.7 else None,
    )
    if film != TINY:
        made.genres += [(film, genre) for genre in GENRES if chance.random() < 0.3]
        made.countries += [(film, code) for code in DRAWN_COUNTRIES if chance.random() < 0.3]


def _draw_links(made: DrawnStar, film: int, chance: Random) -> None:
    for order in range(7):  # the first five count for costars; a person may have two roles
        made.cast.append((film, f"a{film}-{order}", chance.choice(PEOPLE), order))
    for place, job in enumerate(("Director", "Director", "Writer")):
        made.crew.append((film, f"b{film}-{place}", chance.choice(PEOPLE[:6]), job))
    if film != TINY:  # many keywords have about three films
        made.keywords += [(film, each) for each in KEYWORDS if chance.random() < (0.3 if each < 7 else 0.1)]
    for code in RELEASED_IN:
        day = NEWEST + dt.timedelta(days=chance.choice([-1, 0, 5, 60, 61]))
        for kind in ("Theatrical", "Digital") if film % 3 == 0 else ("Theatrical",):
            made.releases.append((film, code, kind, day, chance.choice(["12", None]), None))


def _draw_day(made: DrawnStar, day: dt.date, chance: Random, ratings: list[float]) -> None:
    there = {*THEIRS, TINY, HUGE, *STEADY, *DATED}
    present = [film for film in FILMS if chance.random() < 0.8 or film in there]
    made.facts[day] = {film: _draw_fact(film, chance, ratings) for film in present}
    made.facts[day][TINY] = (7.7777e-98 if day == NEWEST else 0.0, None, None)
    made.facts[day] |= {film: (33.25, *made.facts[day][film][1:]) for film in DATED}
    made.requests += [(day, kind, chance.randint(1, 9), day, 0) for kind in ("discover", "details")]
    first = len(made.rejected)
    made.rejected += [(UUID(int=first + each), "dim_movie", day, "{}", "[]") for each in range(chance.randint(0, 3))]


def _draw_fact(film: int, chance: Random, ratings: list[float]) -> Fact:
    popularity = STEADY.get(film) or chance.choice(POPULARITIES)
    if film in THEIRS:
        return popularity, chance.choice(ratings), chance.choice([10, 250])
    if film % 13 == 0 or chance.random() < 0.2:  # of some no votes were ever known
        return popularity, None, None
    count = chance.choice([0, 1, 250, 3000])
    return popularity, chance.choice([*ratings, None]) if count else None, count
