"""A star schema drawn from a seed: ties, gaps, removed films, people with several roles; rows to load and to count."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

NEWEST = dt.date(2026, 7, 31)
DAYS = [NEWEST - dt.timedelta(days=number) for number in (30, 7, 2, 1, 0)]  # as they are loaded
POPULARITIES = (0.0005, 0.001, 4.99, 5.0, 5.0, 7.5, 20.0, 20.0, 33.25)
FILMS, PEOPLE, KEYWORDS = range(1, 41), range(1, 11), range(1, 7)
PAIR, THEIR_FILMS = (11, 12), (3, 4)  # two people who are in these two films and in no other
DIRECTOR, HER_FILMS = 13, (3, 4, 5)  # she directed these three, all with ratings, and no other
COUNTRIES = {"FR": "France", "US": "United States of America"}  # releases are in DE too


@dataclass
class DrawnStar:
    """The rows, as tuples in the order of the insert statements of `inserts`; `facts` by day and film."""

    films: list[tuple[Any, ...]] = field(default_factory=list)
    people: list[tuple[Any, ...]] = field(default_factory=list)
    cast: list[tuple[Any, ...]] = field(default_factory=list)
    crew: list[tuple[Any, ...]] = field(default_factory=list)
    keywords: list[tuple[Any, ...]] = field(default_factory=list)
    releases: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[Any, ...]] = field(default_factory=list)
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    facts: dict[dt.date, dict[int, tuple[float, float | None, int]]] = field(default_factory=dict)

    def inserts(self) -> dict[str, list[tuple[Any, ...]]]:
        """The start of each insert statement -> its rows, parents first."""
        return {
            "dim_movie (movie_id, title, release_date, removed_date, as_of_date)": self.films,
            "dim_person (person_id, name, known_for_department, as_of_date)": self.people,
            "dim_keyword (keyword_id, name, as_of_date)": [(each, f"word {each}", NEWEST) for each in KEYWORDS],
            "dim_country (iso_3166_1, name, as_of_date)": [(*each, NEWEST) for each in COUNTRIES.items()],
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
    for film in FILMS:
        released = None if film % 11 == 0 else NEWEST - dt.timedelta(days=film)
        made.films.append((film, f"Film {film}", released, NEWEST if film % 9 == 0 else None, NEWEST))
        for order in range(7):  # the first five count for costars; a person may have two roles
            made.cast.append((film, f"a{film}-{order}", chance.choice(PEOPLE), order))
        for place, job in enumerate(("Director", "Director", "Writer")):
            made.crew.append((film, f"b{film}-{place}", chance.choice(PEOPLE[:6]), job))
        made.keywords += [(film, keyword) for keyword in KEYWORDS if chance.random() < 0.3]
        for code in ("DE", *COUNTRIES):
            day = NEWEST + dt.timedelta(days=chance.choice([-1, 0, 5]))
            made.releases.append((film, code, "Theatrical", day, chance.choice(["12", None]), None))
    made.cast += [(film, f"c{film}-{person}", person, person - 8) for film in THEIR_FILMS for person in PAIR]
    made.crew += [(film, f"d{film}", DIRECTOR, "Director") for film in HER_FILMS]
    made.people += [
        (each, f"Person {each}", chance.choice(["Acting", None]), NEWEST) for each in (*PEOPLE, *PAIR, DIRECTOR)
    ]
    for day in DAYS:
        present = [film for film in FILMS if chance.random() < 0.8 or film in HER_FILMS]
        made.facts[day] = {}
        for film in present:
            count = chance.choice([10, 250] if film in HER_FILMS else [0, 10, 250, 3000])
            made.facts[day][film] = (
                chance.choice(POPULARITIES),
                chance.choice([4.5, 6.0, 8.25]) if count else None,
                count,
            )
        made.requests += [(day, kind, chance.randint(1, 9), day, 0) for kind in ("discover", "details")]
        first = len(made.rejected)
        made.rejected += [
            (UUID(int=first + each), "dim_movie", day, "{}", "[]") for each in range(chance.randint(0, 3))
        ]
    return made
