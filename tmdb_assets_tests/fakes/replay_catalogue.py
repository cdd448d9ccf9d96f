"""What the TMDb API knows on one day, for tests to replay: films recorded or made by hand.

It imports nothing of the package under test. What the API really does is described in
https://developer.themoviedb.org/reference and counted in `BEHAVIOUR.md` next to the recordings.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

RECORDINGS: Path = Path(__file__).resolve().parents[3] / "shared" / "tmdb"
PAGE_SIZE = 20
MAX_PAGES = 500
CHANGES_A_PAGE = 100

# The recordings that can be replayed; 2026-07-29 was recorded twice, the earlier one is used.
DAILY_FILES = {
    dt.date(2026, 7, 29): "movie_details_2026-07-29T1141Z.jsonl.gz",
    dt.date(2026, 7, 30): "movie_details_2026-07-30T1526Z.jsonl.gz",
    dt.date(2026, 7, 31): "movie_details_2026-07-31T1438Z.jsonl.gz",
}
# The keys of a real discover item, in TMDb's order.
ITEM_KEYS = ["adult", "backdrop_path", "genre_ids", "id", "title", "original_language", "original_title", "overview"]
ITEM_KEYS += ["popularity", "poster_path", "release_date", "softcore", "video", "vote_average", "vote_count"]


def recordings_missing() -> str | None:
    """Why tests of the recordings are skipped, or None when the recordings are there."""
    if (RECORDINGS / "datasets" / "daily").is_dir():
        return None
    return "the recorded TMDb answers are missing: they belong in ../shared/tmdb next to the repository"


def recorded_movie(movie_id: int) -> dict[str, Any] | None:
    """The details recorded as `movie/<id>.json`, or None when there are none."""
    path = RECORDINGS / "movie" / f"{movie_id}.json"
    return json.loads(path.read_bytes()) if path.is_file() else None


def discover_item(movie_id: int, details: Mapping[str, Any]) -> dict[str, Any]:
    """The discover item of a film: `details` reduced to the keys of a real item, with the id it is requested by."""
    genres = details.get("genres")
    known = genres if isinstance(genres, list) else []
    made = {"id": movie_id, "genre_ids": [genre["id"] for genre in known if isinstance(genre, dict) and "id" in genre]}
    source = {**details, **made}
    return {key: source[key] for key in ITEM_KEYS if key in source}


class Catalogue:
    """What the API knows on one day. Treat it as immutable; `but(...)` makes a changed copy.

    Args:
        films: details as the API sends them, by film; a mapping id -> payload allows payloads with a wrong or no `id`.
        genres, countries, languages: the reference lists as the API sends them (genres without their envelope).
        discover_ids: what discover lists, repeats included; default: all films, most popular first.
        listing: the discover items themselves; takes precedence over `discover_ids`.
        gone: ids whose details answer 404; discover may still list them.
        changed: the change list of any day; default: all films, so that all are requested again every day.
        beyond: the details of an id that `films` does not hold, or None.
    """

    def __init__(
        self,
        films: Iterable[dict[str, Any]] | Mapping[int, Any] = (),
        genres: Sequence[Any] = (),
        countries: Sequence[Any] = (),
        languages: Sequence[Any] = (),
        *,
        discover_ids: Sequence[int] | None = None,
        listing: Sequence[Any] | None = None,
        gone: Collection[int] = (),
        changed: Collection[int] | None = None,
        beyond: Callable[[int], Any] = lambda movie_id: None,
    ) -> None:
        self._given = {name: value for name, value in locals().items() if name not in {"self", "__class__"}}
        self.films: dict[int, Any] = dict(films) if isinstance(films, Mapping) else {film["id"]: film for film in films}
        self._given["films"] = self.films  # an iterable can be read only once
        self.genres, self.countries, self.languages = list(genres), list(countries), list(languages)
        self.gone = frozenset(gone)
        self.changed = sorted(i for i in self.films if isinstance(i, int)) if changed is None else sorted(changed)
        self._beyond = beyond
        ids = sorted(self.films, key=self._rank) if discover_ids is None else discover_ids
        self.listing = [discover_item(i, self.films[i]) for i in ids] if listing is None else list(listing)

    def _rank(self, movie_id: int) -> tuple[float, int]:
        popularity = self.films[movie_id].get("popularity")
        return (-popularity if isinstance(popularity, int | float) else float("inf"), movie_id)

    def but(self, **changes: Any) -> Catalogue:
        """The same catalogue with other arguments, such as `gone={550}` or `discover_ids=[550, 550]`."""
        return Catalogue(**{**self._given, **changes})

    def details(self, movie_id: int) -> Any | None:
        """The details payload of a film, None when the API answers 404."""
        if movie_id in self.gone:
            return None
        return self.films[movie_id] if movie_id in self.films else self._beyond(movie_id)

    def changes(self, number: int) -> dict[str, Any]:
        """Page `number` of the change list, with an entry whose id is null, as TMDb sends some."""
        start = (number - 1) * CHANGES_A_PAGE
        ids = self.changed[start : start + CHANGES_A_PAGE]
        return {
            "page": number,
            "results": [{"id": None, "adult": None}, *({"id": movie_id, "adult": False} for movie_id in ids)],
            "total_pages": max(1, -(-len(self.changed) // CHANGES_A_PAGE)),
            "total_results": len(self.changed),
        }

    def export(self) -> bytes:
        """The id export: every film that has an id and a popularity, gzipped."""
        films = [film for film in self.films.values() if isinstance(film, dict) and isinstance(film.get("id"), int)]
        lines = [
            json.dumps({"adult": False, "id": film["id"], "popularity": film["popularity"], "video": False})
            for film in films
            if isinstance(film.get("popularity"), int | float)
        ]
        return gzip.compress("\n".join(lines).encode(), compresslevel=1, mtime=0)

    def page(self, number: int, first: str = "", last: str = "") -> dict[str, Any]:
        """Discover page `number` (from 1, 20 items each, empty beyond the end); `total_pages` is not capped at 500.

        With a date it is a page of the films released from `first`, or up to `last`.
        """
        listing, start = self.listing, (number - 1) * PAGE_SIZE
        if first or last:
            listing = [
                item for item in listing if item["release_date"] and first <= item["release_date"] <= (last or "~")
            ]
        return {
            "page": number,
            "results": listing[start : start + PAGE_SIZE],
            "total_pages": -(-len(listing) // PAGE_SIZE),
            "total_results": len(listing),
        }


@cache
def catalogue_of(day: dt.date) -> Catalogue:
    """The recorded catalogue of 2026-07-29, -30 or -31: that day's 823 films in discover, `movie/` for details beyond.

    Raises KeyError for a day that was not recorded.
    """
    with gzip.open(RECORDINGS / "datasets" / "daily" / DAILY_FILES[day], "rt", encoding="utf-8") as lines:
        films = [json.loads(line) for line in lines]
    return Catalogue(
        films,
        genres=json.loads((RECORDINGS / "genre" / "movie_list.json").read_bytes())["genres"],
        countries=json.loads((RECORDINGS / "configuration" / "countries.json").read_bytes()),
        languages=json.loads((RECORDINGS / "configuration" / "languages.json").read_bytes()),
        beyond=recorded_movie,
    )
