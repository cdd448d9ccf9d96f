"""Synthetic films in the shape of `data/sample`, and what a correct load of them holds."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import random
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.tmdb.sandbox.catalogue import FIGURES as DAILY
from tmdb_assets.tmdb.sandbox.routes import MAX_PAGE, PAGE_SIZE

SEED = 20260101
MOST_FILMS = MAX_PAGE * PAGE_SIZE  # discover shows no more
LANGUAGES = ("en", "fr", "es", "ja", "de", "ko", "it", "pt", "hi", "zh")
COUNTRIES = ("US", "FR", "GB", "JP", "DE", "KR", "IT", "BR", "IN", "CN", "MX", "NG", "AU", "SU", "XC")
WORDS = ("harbour", "winter", "signal", "orchard", "été", "ночь", "東京", "river", "glass", "second", "paper", "Łódź")
OVERVIEW_WORDS = 60  # about 400 characters, as TMDb's overviews have on average

# What a correct load holds, in tables and columns that the platform and the floor share.
FIGURES = {
    "films": "select count(*) from dim_movie",
    "title_characters": "select coalesce(sum(length(title)), 0) from dim_movie",
    "revenue_usd": "select coalesce(sum(revenue_usd), 0)::bigint from dim_movie",
    "companies": "select count(*) from dim_company",
    "genre_links": "select count(*) from bridge_movie_genre",
    "company_links": "select count(*) from bridge_movie_company",
    "country_links": "select count(*) from bridge_movie_country",
    "language_links": "select count(*) from bridge_movie_language",
    "facts": "select count(*) from fact_movie_daily",
    "votes": "select coalesce(sum(vote_count), 0)::bigint from fact_movie_daily",
    "popularity": "select round(sum(popularity)::numeric, 1)::float8 from fact_movie_daily",
}


def films_folder(parent: Path, count: int) -> Path:
    """The folder with `count` films in `parent`, written at first use."""
    folder = parent / f"films{count}"
    if not folder.exists():
        folder.mkdir()
        write_films(folder, count)
    return folder


def write_films(folder: Path, count: int) -> None:
    """Write `count` films (the same each time) with the lists they need into `folder`, as the sandbox reads them."""
    for name in ("genres.csv", "languages.csv"):
        shutil.copy(SAMPLE_DIR / name, folder / name)
    with (folder / "genres.csv").open(encoding="utf-8", newline="") as file:
        genres = [int(row["id"]) for row in csv.DictReader(file)]
    chance = random.Random(SEED)
    with (folder / "films.jsonl").open("w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            file.write(json.dumps(_film(chance, number, count, genres)) + "\n")
    # The load server appends its own (`parts`).
    nothing = {"cast": [], "crew": {}, "keywords": [], "releases": []}
    (folder / "people.csv").write_text("name,gender\n", encoding="utf-8")
    with (folder / "credits.jsonl").open("w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            file.write(json.dumps({"id": film_id(number), **nothing}) + "\n")


def film_id(number: int) -> int:
    """The id of film `number`, with gaps as TMDb's."""
    return 1_000 + 7 * number


def _film(chance: random.Random, number: int, count: int, genres: list[int]) -> dict[str, Any]:
    title = f"{' '.join(chance.sample(WORDS, 3)).title()} {number}"
    released = dt.date(1925, 1, 1) + dt.timedelta(days=chance.randrange(36_500))
    companies = [
        round(count * 1.2 * chance.random() ** 2) + 1 for _ in range(chance.randrange(5))
    ]  # a few are frequent
    is_known = chance.random() < 0.4  # the others have no money and no runtime: 0, as on TMDb
    return {
        "id": film_id(number),
        "imdb_id": f"tt{number:07d}" if chance.random() < 0.98 else None,
        "title": title,
        "original_title": title,
        "original_language": chance.choice(LANGUAGES),
        "release_date": released.isoformat() if chance.random() < 0.99 else "",
        "runtime": chance.randrange(60, 180) if is_known else 0,
        "budget": chance.randrange(10_000, 200_000_000) if is_known else 0,
        "revenue": chance.randrange(10_000, 3_000_000_000) if is_known else 0,
        "homepage": f"https://films.example/{number}" if is_known else "",
        "status": "Released",
        "genres": chance.sample(genres, chance.randrange(4)),
        "production_countries": chance.sample(COUNTRIES, chance.randrange(1, 4)),
        "spoken_languages": chance.sample(LANGUAGES, chance.randrange(1, 4)),
        "production_companies": [
            {"id": company, "name": f"Company {company}", "origin_country": COUNTRIES[company % len(COUNTRIES)]}
            for company in dict.fromkeys(companies)
        ],
        "collection": {"id": number % 50 + 1, "name": f"Collection {number % 50 + 1}"} if number % 9 == 0 else None,
        "vote_average": round(chance.uniform(1, 9), 1),
        "vote_count": chance.randrange(1, 30_000),
        "popularity": round(0.6 + 300 * chance.random() ** 6, 4),
    }


def read_films(folder: Path, day: dt.date) -> Catalogue:
    """The films as the API sends them on `day`, each with an overview as long as a real one."""
    catalogue = Catalogue(day, folder, COUNTRIES_CSV)
    chance = random.Random(SEED)
    for film in catalogue.films.values():
        film["overview"] = " ".join(chance.choices(WORDS, k=OVERVIEW_WORDS))
        film["poster_path"] = f"/{film['id']:027d}.jpg"
    return catalogue


def read_edited_films(folder: Path, day: dt.date, share: float) -> tuple[Catalogue, dict[dt.date, list[int]]]:
    """The films of `day`, of which `share` differ in their facts from the day before, and the change lists of both.

    They include the sandbox's own edits. A film edited after the day before was loaded is on that day's list or on that
    of `day`, every tenth on both, as on TMDb.
    """
    before, after = (read_films(folder, moment).films for moment in (day - dt.timedelta(days=1), day))
    catalogue = read_films(folder, day)
    edited = {film for film in after if _facts(after[film]) != _facts(before[film])}
    rest = sorted(after.keys() - edited)
    more = random.Random(SEED).sample(rest, max(0, round(share * len(after)) - len(edited)))
    for film in more:
        _edit(catalogue.films[film])
    ids = sorted({*edited, *more})
    yesterday = [film for place, film in enumerate(ids) if place % 2 or place % 10 == 0]
    today = [film for place, film in enumerate(ids) if place % 2 == 0]
    return catalogue, {day - dt.timedelta(days=1): yesterday, day: today}


def _facts(film: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in film.items() if name not in DAILY}


def _edit(film: dict[str, Any]) -> None:
    film["title"] += " (edited)"
    film["revenue"] += 1_000
    for name in ("genres", "production_companies"):
        film[name] = film[name][:-1]
    if film["release_date"]:
        film["release_date"] = (dt.date.fromisoformat(film["release_date"]) + dt.timedelta(days=1)).isoformat()


def export_popularity(film: Mapping[str, Any], day: dt.date) -> float:
    """A film's popularity in the export of a day: quick to compute, different each day."""
    return float(round(film["popularity"] * (1 + (31 * film["id"] + 17 * day.toordinal()) % 101 / 1000), 4))


def export_of(films: Iterable[Mapping[str, Any]], day: dt.date) -> bytes:
    """The id export of a day."""
    lines = (
        f'{{"adult":false,"id":{film["id"]},"original_title":{json.dumps(film["original_title"])},'
        f'"popularity":{export_popularity(film, day)},"video":false}}\n'
        for film in films
    )
    return gzip.compress("".join(lines).encode(), compresslevel=1, mtime=0)


def expected_figures(catalogue: Catalogue) -> dict[str, float]:
    """The values of `FIGURES` after a correct load, counted in the answers."""
    films = catalogue.films.values()
    links = {name: sum(len({json.dumps(part) for part in film[name]}) for film in films) for name in _LISTS}
    return {
        "films": len(films),
        "title_characters": sum(len(film["title"]) for film in films),
        "revenue_usd": sum(film["revenue"] for film in films),
        "companies": len({company["id"] for film in films for company in film["production_companies"]}),
        **{_LISTS[name]: count for name, count in links.items()},
        "facts": len(films),
        "votes": sum(film["vote_count"] for film in films),
        "popularity": round(sum(film["popularity"] for film in films), 1),
    }


def expected_second_day(before: Catalogue, after: Catalogue) -> dict[str, float]:
    """The values of `FIGURES` after two days: the films as of now, every company of either day, the facts of both."""
    expected, first = expected_figures(after), expected_figures(before)
    films = [*before.films.values(), *after.films.values()]
    both = {name: expected[name] + first[name] for name in ("facts", "votes", "popularity")}
    return expected | both | {"companies": len({company["id"] for film in films for company in film[_COMPANIES]})}


_COMPANIES = "production_companies"
_LISTS = {
    "genres": "genre_links",
    "production_companies": "company_links",
    "production_countries": "country_links",
    "spoken_languages": "language_links",
}


def wrong_figures(
    url: str, expected: dict[str, float], queries: Mapping[str, str] = FIGURES
) -> dict[str, tuple[float, float]]:
    """Name -> (found, expected) of every figure that differs in the database at `url`."""
    with psycopg.connect(url) as connection:
        found = {name: connection.execute(query.encode()).fetchone()[0] for name, query in queries.items()}  # type: ignore[index]
    return {name: (found[name], value) for name, value in expected.items() if abs(found[name] - value) > 0.11}


def wrong_days(url: str, expected: Mapping[dt.date, tuple[int, float]]) -> list[tuple[dt.date, Any, Any]]:
    """(day, found, expected) of every day whose number of facts or sum of popularity differs."""
    query = "select date_id, count(*), sum(popularity)::float8 from fact_movie_daily group by date_id"
    with psycopg.connect(url) as connection:
        found = {day: (count, popularity) for day, count, popularity in connection.execute(query)}
    return [
        (day, found.get(day), right)
        for day, right in expected.items()
        if day not in found or found[day][0] != right[0] or abs(found[day][1] - right[1]) > 0.11
    ]
