"""What a correct load holds: the star schema computed from catalogues in plain Python.

Written only from the design, over the JSON as the API sends it; it shares nothing with the package under test.
`star(days)` returns the tables after all days were loaded, in any order; the functions below it what the views then
show. Unknown is None, dates are `datetime.date`, money is whole US dollars.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.oracle.appended import PART_DATES, PARTS
from tmdb_assets_tests.oracle.texts import text

CONTINENT_FILE = Path(__file__).resolve().parents[2] / "data" / "country_continent.csv"

Pairs = set[tuple[int, Any]]
Days = Mapping[dt.date, Catalogue] | Iterable[tuple[dt.date, Catalogue]]


class Fact(NamedTuple):
    """The measures of one film on one day; `vote_average` is None when nobody voted."""

    popularity: float
    vote_average: float | None
    vote_count: int
    source: str = "discover"


@dataclass
class Star:
    """The expected tables, by name and keyed as in the design.

    `dim_country` and `dim_language` map a code to its name, `dim_company` an id to (name, origin_country), the
    bridges are sets of (movie_id, key), or of whole rows where they have more columns, `raw_details`
    maps (day, movie_id) to the status of the answer.
    """

    days: list[dt.date] = field(default_factory=list)
    raw_discover: set[tuple[dt.date, int]] = field(default_factory=set)
    raw_details: dict[tuple[dt.date, int], int] = field(default_factory=dict)
    raw_reference: dict[tuple[str, str], str | None] = field(default_factory=dict)
    fact_movie_daily: dict[tuple[dt.date, int], Fact] = field(default_factory=dict)
    dim_movie: dict[int, dict[str, Any]] = field(default_factory=dict)
    dim_genre: dict[int, str | None] = field(default_factory=dict)
    dim_company: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    dim_country: dict[str, str | None] = field(default_factory=dict)
    dim_language: dict[str, str | None] = field(default_factory=dict)
    bridge_movie_genre: Pairs = field(default_factory=set)
    bridge_movie_company: Pairs = field(default_factory=set)
    bridge_movie_country: Pairs = field(default_factory=set)
    bridge_movie_language: Pairs = field(default_factory=set)
    dim_person: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    dim_keyword: dict[int, str | None] = field(default_factory=dict)
    bridge_movie_cast: set[tuple[Any, ...]] = field(default_factory=set)
    bridge_movie_crew: set[tuple[Any, ...]] = field(default_factory=set)
    bridge_movie_keyword: Pairs = field(default_factory=set)
    movie_release: set[tuple[Any, ...]] = field(default_factory=set)


def star(days: Days, *, without: Collection[int] = ()) -> Star:
    """The tables after loading `days`, each with all discover pages and the details of the films on them.

    `without` leaves out films whose rows are too broken to say what is correct. A film on two pages counts with its
    later item. Raises ValueError when a day is repeated.
    """
    result = Star()
    pairs = sorted(days.items() if isinstance(days, Mapping) else days, key=lambda pair: pair[0])
    result.days = [day for day, _ in pairs]
    if len(set(result.days)) < len(pairs):
        raise ValueError("a day is repeated: give only its newest catalogue")
    for day, catalogue in pairs:  # oldest first, so that a newer day overwrites an older one
        items = [item for item in catalogue.listing if isinstance(item, dict) and "id" in item]
        listed = {item["id"]: item for item in items if item["id"] not in without}
        details = {movie_id: catalogue.details(movie_id) for movie_id in sorted(listed)}
        _add_raw(result, day, details)
        _add_facts(result, day, listed)
        _add_movies(result, day, listed, details)
        _add_details_dimensions(result, [payload for payload in details.values() if payload is not None])
        _add_bridges(result, {film: payload for film, payload in details.items() if payload is not None})
        for part, add in PARTS.items():
            add(result, {film: payload[part] for film, payload in details.items() if payload and part in payload})
    for _, catalogue in pairs:
        _add_reference(result, catalogue)  # last, since its names take precedence
    for row in result.dim_movie.values():
        if row["original_language"] is not None:
            result.dim_language.setdefault(row["original_language"], None)
    return result


def _add_raw(result: Star, day: dt.date, details: Mapping[int, Any]) -> None:
    for movie_id, payload in details.items():
        result.raw_discover.add((day, movie_id))
        result.raw_details[day, movie_id] = 404 if payload is None else 200


def _add_facts(result: Star, day: dt.date, listed: Mapping[int, Any]) -> None:
    for movie_id, item in listed.items():
        votes = item["vote_count"]
        result.fact_movie_daily[day, movie_id] = Fact(
            item["popularity"], item["vote_average"] if votes else None, votes
        )


def _add_movies(result: Star, day: dt.date, listed: Mapping[int, Any], details: Mapping[int, Any]) -> None:
    for movie_id, item in listed.items():
        payload, old = details[movie_id], result.dim_movie.get(movie_id)
        if payload is not None:
            row = {**_columns(payload), "details_date": day, "removed_date": None}
            for part, name in PART_DATES.items():
                row[name] = day if part in payload else (old or {}).get(name)
        elif old is None or old["details_date"] is None:
            # Discover fills the film first, except for the overview, which only details have. A film that discover
            # lists is not removed, whatever its details answer.
            row = {**_columns(item), "overview": None, "details_date": None, "removed_date": None}
            row |= dict.fromkeys(PART_DATES.values())
        else:
            row = old
        result.dim_movie[movie_id] = {**row, "as_of_date": day}


def _columns(payload: Mapping[str, Any]) -> dict[str, Any]:
    collection = payload.get("belongs_to_collection") or {}
    date = text(payload.get("release_date"))
    return {
        "title": text(payload.get("title")),
        "original_title": text(payload.get("original_title")),
        "release_date": dt.date.fromisoformat(date) if date else None,
        "status": text(payload.get("status")),
        "original_language": text(payload.get("original_language")),
        "runtime_minutes": payload.get("runtime") or None,
        "budget_usd": payload.get("budget") or None,
        "revenue_usd": payload.get("revenue") or None,
        "is_adult": payload.get("adult"),
        "homepage": text(payload.get("homepage")),
        "imdb_id": text(payload.get("imdb_id")),
        "overview": text(payload.get("overview")),
        "poster_path": text(payload.get("poster_path")),
        "collection_id": collection.get("id"),
        "collection_name": text(collection.get("name")),
    }


def _add_details_dimensions(result: Star, payloads: Iterable[Mapping[str, Any]]) -> None:
    # The payloads are sorted by id, so that within a day the film with the highest id counts.
    for payload in payloads:
        for genre in payload["genres"]:
            _name(result.dim_genre, genre["id"], text(genre["name"]))
        for company in payload["production_companies"]:
            result.dim_company[company["id"]] = (text(company["name"]), text(company["origin_country"]))
        for country in payload["production_countries"]:
            _name(result.dim_country, country["iso_3166_1"], text(country["name"]))
        for language in payload["spoken_languages"]:
            _name(result.dim_language, language["iso_639_1"], _language_name(language))


def _add_reference(result: Star, catalogue: Catalogue) -> None:
    lists: list[tuple[str, dict[Any, str | None], dict[Any, str | None]]] = [
        ("genre", result.dim_genre, {row["id"]: text(row["name"]) for row in catalogue.genres}),
        ("country", result.dim_country, {row["iso_3166_1"]: text(row["english_name"]) for row in catalogue.countries}),
        ("language", result.dim_language, {row["iso_639_1"]: _language_name(row) for row in catalogue.languages}),
    ]
    for kind, dimension, names in lists:
        for code, name in names.items():
            _name(dimension, code, name)
            result.raw_reference[kind, str(code)] = name


def _language_name(language: Mapping[str, Any]) -> str | None:
    return text(language.get("english_name")) or text(language.get("name"))


def _name(dimension: dict[Any, str | None], key: Any, name: str | None) -> None:
    # An empty name does not replace a known one.
    dimension[key] = name or dimension.get(key)


def _add_bridges(result: Star, details: Mapping[int, Mapping[str, Any]]) -> None:
    bridges: list[tuple[Pairs, str, str]] = [
        (result.bridge_movie_genre, "genres", "id"),
        (result.bridge_movie_company, "production_companies", "id"),
        (result.bridge_movie_country, "production_countries", "iso_3166_1"),
        (result.bridge_movie_language, "spoken_languages", "iso_639_1"),
    ]
    for links, entries, key in bridges:
        links.difference_update({link for link in links if link[0] in details})
        links.update((movie_id, entry[key]) for movie_id, payload in details.items() for entry in payload[entries])


class Average(NamedTuple):
    """A row of vw_genre_popularity or vw_continent_popularity; `avg_popularity` is a plain mean over the films."""

    avg_popularity: float
    total_votes: int
    n_movies: int


def movie_latest(tables: Star) -> dict[int, tuple[dt.date, Fact]]:
    """The newest fact of each film, with its day."""
    return {movie_id: (day, fact) for (day, movie_id), fact in sorted(tables.fact_movie_daily.items())}


def newest_films(tables: Star) -> dict[int, Fact]:
    """The facts of the newest loaded day whose film is not removed: what the ranking and aggregating views show."""
    return {
        movie_id: fact
        for (day, movie_id), fact in tables.fact_movie_daily.items()
        if day == tables.days[-1] and tables.dim_movie[movie_id]["removed_date"] is None
    }


def _averages(tables: Star, links: Iterable[tuple[int, Any]], group: Callable[[Any], Any]) -> dict[Any, Average]:
    newest = newest_films(tables)
    films: dict[Any, set[int]] = defaultdict(set)  # sets: a film counts once in a group
    for movie_id, key in links:
        if movie_id in newest and group(key) is not None:
            films[group(key)].add(movie_id)
    return {
        key: Average(
            sum(newest[movie_id].popularity for movie_id in members) / len(members),
            sum(newest[movie_id].vote_count for movie_id in members),
            len(members),
        )
        for key, members in films.items()
    }


def genre_popularity(tables: Star) -> dict[int, Average]:
    """vw_genre_popularity by genre_id, for the genres that a film of the newest day has."""
    return _averages(tables, tables.bridge_movie_genre, lambda genre_id: genre_id)


def continent_popularity(tables: Star, continents: Mapping[str, str]) -> dict[str, Average]:
    """vw_continent_popularity by continent, for the continents that a film of the newest day has."""
    return _averages(tables, tables.bridge_movie_country, continents.get)


def read_continents(path: Path = CONTINENT_FILE) -> dict[str, str]:
    """Continent by country code, from a CSV with the header iso_3166_1,name,continent,note; empty ones left out."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["iso_3166_1"]: row["continent"] for row in csv.DictReader(lines) if row["continent"]}


def top_movies(tables: Star, limit: int = 200) -> list[int]:
    """The movie_ids of vw_top_movies in order of rank."""

    def rank(film: tuple[int, Fact]) -> tuple[Any, ...]:
        movie_id, fact = film
        measures = (fact.popularity, fact.vote_average, fact.vote_count)
        return (*((value is None, -(value or 0)) for value in measures), movie_id)

    return [movie_id for movie_id, _ in sorted(newest_films(tables).items(), key=rank)][:limit]
