"""A catalogue that lives: each day some films are edited, some go and some come back, the same for the same day."""

from __future__ import annotations

import datetime as dt
import zlib
from functools import lru_cache
from typing import Any

from tmdb_assets_tests.cases.appended import actor, in_country, release, worker
from tmdb_assets_tests.cases.awkward import GENRE_NAMES, catalogue, company, countries, film, genres
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.stage.many_days import ONE_DAY

FILMS = 24
EDITED_PERCENT, LEAVING_PERCENT = 15, 25
_CODES = ("US", "FR", "JP", "DE", "SU")


def _draw(what: str, movie_id: int, day: dt.date | None = None) -> int:
    return zlib.crc32(f"{what} {movie_id} {day}".encode())


def _is_edited(movie_id: int, day: dt.date) -> bool:
    return _draw("edited", movie_id, day) % 100 < EDITED_PERCENT


def is_gone(movie_id: int, day: dt.date) -> bool:
    """Whether TMDb has no such film that day: some films are gone on two days of five."""
    return _draw("leaves", movie_id) % 100 < LEAVING_PERCENT and (day.toordinal() + _draw("when", movie_id)) % 5 < 2


def _version(movie_id: int, day: dt.date) -> int:
    """How often a film was edited within the last weeks."""
    return sum(_is_edited(movie_id, day - number * ONE_DAY) for number in range(day.toordinal() % 30 + 1))


def popularity_on(movie_id: int, day: dt.date) -> float:
    """A film's popularity on a day, another on each day."""
    return round(10 + _draw("popularity", movie_id, day) % 90_000 / 1000, 3)


def _film_on(movie_id: int, day: dt.date) -> dict[str, Any]:
    version, order = _version(movie_id, day), [*GENRE_NAMES]
    code = _CODES[(movie_id + version) % len(_CODES)]
    person = 500 + movie_id % 7
    return film(
        movie_id,
        title=f"Film {movie_id}, edition {version}",
        popularity=popularity_on(movie_id, day),
        vote_count=100 + movie_id + day.toordinal() % 50,
        genres=genres(order[movie_id % 19], order[(movie_id + 1 + version % 17) % 19]),
        production_companies=[company(70_000 + (movie_id + version) % 9, f"Studio {(movie_id + version) % 9}", "US")],
        production_countries=countries(code),
        credits={
            "cast": [actor(person, f"c{movie_id}", 0, f"Role {version}"), actor(520 + version, f"d{movie_id}", 1)],
            "crew": [worker(540 + movie_id % 3, f"e{movie_id}", "Director", "Directing")],
        },
        keywords={"keywords": [{"id": 600 + (movie_id + version) % 8, "name": f"word {(movie_id + version) % 8}"}]},
        release_dates={"results": [in_country("US", release("2020-02-29", 3, "PG", f"edition {version}"))]},
    )


def changed_on(day: dt.date, count: int = FILMS) -> list[int]:
    """The films on a day's change list: edited, gone or back."""
    return [
        movie_id
        for movie_id in range(1, count + 1)
        if _is_edited(movie_id, day) or is_gone(movie_id, day) != is_gone(movie_id, day - ONE_DAY)
    ]


@lru_cache(maxsize=64)
def catalogue_on(day: dt.date, count: int = FILMS) -> Catalogue:
    """What TMDb has that day."""
    films = [_film_on(movie_id, day) for movie_id in range(1, count + 1) if not is_gone(movie_id, day)]
    return catalogue(films, changed=changed_on(day, count))
