"""A catalogue as large as TMDb's: arrays instead of objects, every answer made when it is requested.

Release dates get denser towards today, and one film in twenty has only a year, so that 1 January holds many: this is
what makes slicing by date hard. One film in a hundred has no date and is in no slice with a first or last date.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from benchmarks.answers import Answers, Traffic, message, page_of
from benchmarks.films import LANGUAGES, OVERVIEW_WORDS, SEED, WORDS
from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.tmdb.sandbox.routes import EXPORTS_PATH, MAX_PAGE, PAGE_SIZE, fault

FIRST_RELEASE, LAST_RELEASE = "1930-01-01", "2027-12-31"
UNDATED_EVERY, YEAR_ONLY_SHARE = 100, 0.05
LINES_A_BLOCK = 50_000
_DETAILS = re.compile("/3/movie/([0-9]+)")


class Films:
    """The films as arrays, sorted by release date, undated ones last. The same `count` always makes the same films."""

    def __init__(self, count: int) -> None:
        chance = np.random.default_rng(SEED)
        self.count, self.dated = count, count - count // UNDATED_EVERY
        first, last = np.datetime64(FIRST_RELEASE, "D"), np.datetime64(LAST_RELEASE, "D")
        # The square puts half of the films into the last quarter of the years, as on TMDb.
        released = last - ((last - first).astype(int) * chance.random(self.dated) ** 2).astype("timedelta64[D]")
        only_year = chance.random(self.dated) < YEAR_ONLY_SHARE
        released[only_year] = released[only_year].astype("datetime64[Y]").astype("datetime64[D]")
        self.released = np.sort(released)
        self.ids = 2 + 3 * chance.permutation(count)
        self.popularity = np.round(0.6 + 300 * chance.random(count) ** 6, 4)
        self.votes = chance.integers(0, 30_000, count)
        self._place = np.empty(3 * count + 2, dtype=np.int64)
        self._place[self.ids] = np.arange(count)
        words = random.Random(SEED)
        self._overviews = [" ".join(words.choices(WORDS, k=OVERVIEW_WORDS)) for _ in range(97)]

    def ranked(self, gte: str, lte: str) -> np.ndarray[Any, Any]:
        """The places of the films released from `gte` to `lte` ("": any film), most popular first."""
        low, high = 0, self.count
        if gte or lte:
            low = int(np.searchsorted(self.released, np.datetime64(gte or "0001-01-01", "D")))
            high = int(np.searchsorted(self.released, np.datetime64(lte or "9999-12-31", "D"), side="right"))
        return low + np.lexsort((self.ids[low:high], -self.popularity[low:high]))

    def place_of(self, film_id: int) -> int | None:
        """The index of a film in the arrays; None for an unknown one."""
        is_known = 2 <= film_id < len(self._place) and film_id % 3 == 2
        return int(self._place[film_id]) if is_known else None

    def listed(self, place: int) -> dict[str, Any]:
        """A film as a discover item."""
        film_id, votes = int(self.ids[place]), int(self.votes[place])
        title = f"{WORDS[film_id % len(WORDS)].title()} {WORDS[film_id // 7 % len(WORDS)]} {film_id}"
        return {
            "adult": False,
            "backdrop_path": None,
            "genre_ids": [],
            "id": film_id,
            "original_language": LANGUAGES[film_id % len(LANGUAGES)],
            "original_title": title,
            "overview": self._overviews[film_id % len(self._overviews)],
            "popularity": float(self.popularity[place]),
            "poster_path": f"/{film_id:027d}.jpg",
            "release_date": str(self.released[place]) if place < self.dated else "",
            "title": title,
            "video": False,
            "vote_average": (film_id % 80 + 10) / 10 if votes else 0.0,
            "vote_count": votes,
        }

    def detailed(self, place: int, genres: list[dict[str, Any]]) -> dict[str, Any]:
        """A film as its details, with two genres and two companies."""
        film = self.listed(place)
        film_id = film["id"]
        companies = (film_id % 5_000 + 1, film_id % (self.count // 3 + 1) + 5_001)
        del film["genre_ids"]
        return film | {
            "belongs_to_collection": None,
            "budget": 10 * film_id,
            "genres": [genres[film_id % len(genres)], genres[(film_id + 3) % len(genres)]],
            "homepage": "",
            "imdb_id": f"tt{film_id:07d}",
            "production_companies": [
                {"id": company, "name": f"Company {company}", "origin_country": "US"} for company in companies
            ],
            "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
            "revenue": 20 * film_id,
            "runtime": 60 + film_id % 100,
            "spoken_languages": [{"iso_639_1": "en", "english_name": "English", "name": "English"}],
            "status": "Released",
        }

    def export(self) -> bytes:
        """The id export: all films, including undated ones; made block by block."""
        pack = zlib.compressobj(1, wbits=31)
        return b"".join(pack.compress(block) for block in self._lines()) + pack.flush()

    def _lines(self) -> Iterator[bytes]:
        for start in range(0, self.count, LINES_A_BLOCK):
            end = start + LINES_A_BLOCK
            pairs = zip(self.ids[start:end].tolist(), self.popularity[start:end].tolist(), strict=True)
            lines = (
                f'{{"adult":false,"id":{film},"original_title":"Film {film}","popularity":{popularity}}}\n'
                for film, popularity in pairs
            )
            yield "".join(lines).encode()

    @property
    def listed_count(self) -> int:
        """How many films the slices of release dates list: those with a date, or all if they fit one open slice."""
        return self.count if self.count <= MAX_PAGE * PAGE_SIZE else self.dated

    def expected_figures(self) -> dict[str, float]:
        """The values of `films.FIGURES` after a correct load of discover's slices."""
        listed = slice(self.listed_count)
        return {
            "films": self.listed_count,
            "facts": self.listed_count,
            "votes": int(self.votes[listed].sum()),
            "popularity": round(float(self.popularity[listed].sum()), 1),
        }


class CatalogueAnswers(Answers):
    """The API for a large catalogue that never changes; the export of every day is the same."""

    def __init__(self, count: int, day: dt.date, traffic: Traffic) -> None:
        super().__init__(traffic)
        self._films = Films(count)
        self._reference = Catalogue(day, SAMPLE_DIR, COUNTRIES_CSV).reference
        listed: Any = self._reference["genre/movie/list"]
        self._genres = listed["genres"]
        self._export = message((200, self._films.export()))
        self._ranked = lru_cache(maxsize=32)(self._films.ranked)

    def _answer(self, path: str, query: str) -> bytes:
        if path.startswith(EXPORTS_PATH):
            return self._export
        if found := _DETAILS.fullmatch(path):
            place = self._films.place_of(int(found[1]))
            return message(fault(34) if place is None else (200, self._films.detailed(place, self._genres)))
        if path == "/3/movie/changes":
            return message((200, page_of([], 1, PAGE_SIZE)))
        if path == "/3/discover/movie":
            return self._discover(dict(parse_qsl(query)))
        reference = self._reference.get(path.removeprefix("/3/"))
        return message(fault(34) if reference is None else (200, reference))

    def _discover(self, query: dict[str, str]) -> bytes:
        page = int(query["page"])
        if not 1 <= page <= MAX_PAGE:
            return message(fault(22))
        places = self._ranked(query.get("primary_release_date.gte", ""), query.get("primary_release_date.lte", ""))
        shown = places[PAGE_SIZE * (page - 1) : PAGE_SIZE * page].tolist()
        body = {
            "page": page,
            "results": [self._films.listed(place) for place in shown],
            "total_pages": -(-len(places) // PAGE_SIZE),
            "total_results": len(places),
        }
        return message((200, body))
