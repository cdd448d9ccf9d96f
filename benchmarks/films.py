"""Synthetic films in the shape of `data/sample`, and what a right load of them holds."""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import shutil
from pathlib import Path
from typing import Any

import psycopg

from tmdb_assets.tmdb.sandbox import COUNTRIES_CSV, MAX_PAGE, PAGE_SIZE, SAMPLE_DIR, Catalogue

SEED = 20260101
MOST_FILMS = MAX_PAGE * PAGE_SIZE  # discover shows no more
LANGUAGES = ("en", "fr", "es", "ja", "de", "ko", "it", "pt", "hi", "zh")
COUNTRIES = ("US", "FR", "GB", "JP", "DE", "KR", "IT", "BR", "IN", "CN", "MX", "NG", "AU", "SU", "XC")
WORDS = ("harbour", "winter", "signal", "orchard", "été", "ночь", "東京", "river", "glass", "second", "paper", "Łódź")
OVERVIEW_WORDS = 60  # about 400 characters, as TMDb's overviews have on average

# What a right load holds, in tables and columns that the platform and the floor share.
FIGURES = {
    "films": "select count(*) from dim_movie",
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


def _film(chance: random.Random, number: int, count: int, genres: list[int]) -> dict[str, Any]:
    title = f"{' '.join(chance.sample(WORDS, 3)).title()} {number}"
    released = dt.date(1925, 1, 1) + dt.timedelta(days=chance.randrange(36_500))
    companies = [round(count * 1.2 * chance.random() ** 2) + 1 for _ in range(chance.randrange(5))]  # few have many
    is_known = chance.random() < 0.4  # of the others TMDb knows neither money nor runtime: 0
    return {
        "id": 1_000 + 7 * number,
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
    """The films as the API tells them on `day`, each with an overview of a real one's length."""
    catalogue = Catalogue(day, folder, COUNTRIES_CSV)
    chance = random.Random(SEED)
    for film in catalogue.films.values():
        film["overview"] = " ".join(chance.choices(WORDS, k=OVERVIEW_WORDS))
        film["poster_path"] = f"/{film['id']:027d}.jpg"
    return catalogue


def expected_figures(catalogue: Catalogue) -> dict[str, float]:
    """The values of `FIGURES` after a right load, counted over the answers themselves."""
    films = catalogue.films.values()
    links = {name: sum(len({json.dumps(part) for part in film[name]}) for film in films) for name in _LISTS}
    return {
        "films": len(films),
        "revenue_usd": sum(film["revenue"] for film in films),
        "companies": len({company["id"] for film in films for company in film["production_companies"]}),
        **{_LISTS[name]: count for name, count in links.items()},
        "facts": len(films),
        "votes": sum(film["vote_count"] for film in films),
        "popularity": round(sum(film["popularity"] for film in films), 1),
    }


_LISTS = {
    "genres": "genre_links",
    "production_companies": "company_links",
    "production_countries": "country_links",
    "spoken_languages": "language_links",
}


def wrong_figures(url: str, expected: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Name -> (found, expected) of every figure that the database at `url` holds otherwise."""
    with psycopg.connect(url) as connection:
        found = {name: connection.execute(query).fetchone()[0] for name, query in FIGURES.items()}  # type: ignore[index]
    return {name: (found[name], value) for name, value in expected.items() if abs(found[name] - value) > 0.11}
