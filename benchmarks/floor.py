"""The floor: the same star schema with no framework and as little code as it takes.

64 threads of `requests`, COPY into temporary tables and one set-based upsert per table. No raw layer, no contracts,
no checks, no charts, no retries, no resuming: the least that a day costs in Python. It reads the platform's variables
(TMDB_API_URL, TMDB_TOKEN, TMDB_PAGES, WAREHOUSE_URL) and uses its table names.

    python -m benchmarks.floor [--day 2026-01-31]
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import psycopg
import requests

WORKERS = 64
Row = tuple[Any, ...]

# Table -> its columns with types, and its key.
TABLES = {
    "dim_genre": ("genre_id int, name text", "genre_id"),
    "dim_company": ("company_id int, name text, origin_country text", "company_id"),
    "dim_country": ("iso_3166_1 text, name text", "iso_3166_1"),
    "dim_language": ("iso_639_1 text, name text", "iso_639_1"),
    "dim_movie": (
        "movie_id int, title text, original_title text, release_date date, status text, original_language text, "
        "runtime_minutes int, budget_usd bigint, revenue_usd bigint, homepage text, imdb_id text, overview text",
        "movie_id",
    ),
    "bridge_movie_genre": ("movie_id int, genre_id int", "movie_id, genre_id"),
    "bridge_movie_company": ("movie_id int, company_id int", "movie_id, company_id"),
    "bridge_movie_country": ("movie_id int, iso_3166_1 text", "movie_id, iso_3166_1"),
    "bridge_movie_language": ("movie_id int, iso_639_1 text", "movie_id, iso_639_1"),
    "fact_movie_daily": (
        "date_id date, movie_id int, popularity float8, vote_average float8, vote_count int",
        "date_id, movie_id",
    ),
}


class Api:
    """GET with one persistent connection per thread."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._thread = threading.local()

    def get(self, path: str) -> Any:
        """The JSON answer; raises `requests.HTTPError` for anything but success."""
        session = getattr(self._thread, "session", None)
        if session is None:
            session = self._thread.session = requests.Session()
            session.trust_env = False  # looking up proxies costs more than the request
            session.headers.update(self._headers)
        response = session.get(self._url + path, timeout=30)
        response.raise_for_status()
        return orjson.loads(response.content)


def fetch(api: Api, pages: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The films of the discover pages, without duplicates, and their details."""
    with ThreadPoolExecutor(WORKERS) as pool:
        first = api.get("/discover/movie?page=1")
        rest = range(2, min(pages, first["total_pages"]) + 1)
        answers = [first, *pool.map(lambda page: api.get(f"/discover/movie?page={page}"), rest)]
        films = {film["id"]: film for answer in answers for film in answer["results"]}
        details = list(pool.map(lambda film_id: api.get(f"/movie/{film_id}"), films))
    return list(films.values()), details


def rows_of(films: list[dict[str, Any]], details: list[dict[str, Any]], day: dt.date) -> dict[str, Iterable[Row]]:
    """The rows of each table, without duplicate keys."""
    genres = {part["id"]: (part["id"], part["name"]) for film in details for part in film["genres"]}
    companies = {
        part["id"]: (part["id"], part["name"], part["origin_country"] or None)
        for film in details
        for part in film["production_companies"]
    }
    countries = {part["iso_3166_1"]: part["name"] for film in details for part in film["production_countries"]}
    languages = {part["iso_639_1"]: part["name"] for film in details for part in film["spoken_languages"]}
    return {
        "dim_genre": genres.values(),
        "dim_company": companies.values(),
        "dim_country": countries.items(),
        "dim_language": languages.items(),
        "dim_movie": [_film_row(film) for film in details],
        "bridge_movie_genre": _links(details, "genres", "id"),
        "bridge_movie_company": _links(details, "production_companies", "id"),
        "bridge_movie_country": _links(details, "production_countries", "iso_3166_1"),
        "bridge_movie_language": _links(details, "spoken_languages", "iso_639_1"),
        "fact_movie_daily": [
            (day, film["id"], film["popularity"], film["vote_average"] or None, film["vote_count"]) for film in films
        ],
    }


def _film_row(film: dict[str, Any]) -> Row:
    texts = ("title", "original_title", "release_date", "status", "original_language")
    numbers, more = ("runtime", "budget", "revenue"), ("homepage", "imdb_id", "overview")
    return (film["id"], *(film[name] or None for name in (*texts, *numbers, *more)))


def _links(details: list[dict[str, Any]], name: str, key: str) -> set[Row]:
    return {(film["id"], part[key]) for film in details for part in film[name]}


def load(connection: psycopg.Connection[Any], rows: dict[str, Iterable[Row]]) -> None:
    """Create missing tables, and upsert the rows table by table in one transaction."""
    for table, (columns, key) in TABLES.items():
        names = [column.split()[0] for column in columns.split(", ")]
        connection.execute(f"create table if not exists {table} ({columns}, primary key ({key}))")
        connection.execute(f"create temp table stage_{table} ({columns}) on commit drop")
        with connection.cursor().copy(f"copy stage_{table} from stdin") as copy:
            for row in rows[table]:
                copy.write_row(row)
        content = [name for name in names if name not in key.split(", ")]
        updates = ", ".join(f"{name} = excluded.{name}" for name in content)
        action = f"update set {updates}" if updates else "nothing"
        connection.execute(
            f"insert into {table} select * from stage_{table} order by {key} on conflict ({key}) do {action}"
        )


def main() -> None:
    """Load the films as the API now sends them, as today or another day."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="Load a day without a framework.")
    parser.add_argument("--day", type=dt.date.fromisoformat, default=dt.datetime.now(dt.UTC).date())
    day = parser.parse_args().day
    api = Api(os.environ["TMDB_API_URL"], os.environ["TMDB_TOKEN"])
    films, details = fetch(api, int(os.environ["TMDB_PAGES"]))
    with psycopg.connect(os.environ["WAREHOUSE_URL"]) as connection:
        load(connection, rows_of(films, details, day))
    print(f"{len(films)} films")


if __name__ == "__main__":
    main()
