"""A day of films with dlt, written as its documentation recommends, for comparison in `benchmarks.peers`.

Pages and details are requested in parallel by deferred functions, with dlt's client and its retries. Films are merged
by id, with the nested tables that dlt makes of genres, companies, countries and languages; the day's measures are
merged by day and film; both are sent as CSV, by COPY. A film that answers 404 is left out. It imports no module of the
platform, as its environment has only `dlt[postgres]`. It reads TMDB_API_URL, TMDB_TOKEN, TMDB_PAGES and WAREHOUSE_URL,
and loads into the schema `tmdb`.

    python benchmarks/peers/dlt_pipeline.py --day 2026-01-31
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import dlt
from dlt.sources.helpers import requests

Film = dict[str, Any]
MEASURES = ("popularity", "vote_average", "vote_count")
_thread = threading.local()


def get(path: str) -> Any:
    """The JSON answer, or None for 404; one persistent connection per thread."""
    if not hasattr(_thread, "session"):
        _thread.session = requests.Client(raise_for_status=False).session
    answer = _thread.session.get(
        os.environ["TMDB_API_URL"] + path, headers={"Authorization": f"Bearer {os.environ['TMDB_TOKEN']}"}
    )
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    answer.raise_for_status()
    return answer.json()


@dlt.defer
def _page(number: int) -> list[Film]:
    results: list[Film] = get(f"/discover/movie?page={number}")["results"]
    return results


@dlt.defer
def _details(film_id: int) -> Film | None:
    film: Film | None = get(f"/movie/{film_id}")
    return film


@dlt.source(name="tmdb")
def tmdb(day: dt.date, pages: int) -> tuple[Any, ...]:
    """The day's films and their measures."""

    @dlt.resource(selected=False)
    def discover() -> Iterator[list[Film] | Callable[[], list[Film]]]:
        first = get("/discover/movie?page=1")
        yield first["results"]
        for number in range(2, min(pages, first["total_pages"]) + 1):
            yield _page(number)

    @dlt.transformer(data_from=discover, primary_key="id", write_disposition="merge")
    def movie(films: list[Film]) -> Iterator[Callable[[], Film | None]]:
        for film in films:
            yield _details(film["id"])

    @dlt.transformer(data_from=discover, primary_key=("date_id", "movie_id"), write_disposition="merge")
    def fact_movie_daily(films: list[Film]) -> Iterator[list[Film]]:
        yield [{"date_id": day, "movie_id": film["id"]} | {name: film[name] for name in MEASURES} for film in films]

    return movie, fact_movie_daily


def main() -> None:
    """Load a day."""
    parser = argparse.ArgumentParser(description="Load a day with dlt.")
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True, help="of the measures, as YYYY-MM-DD")
    day = parser.parse_args().day
    pipeline = dlt.pipeline("tmdb", destination=dlt.destinations.postgres(_credentials()), dataset_name="tmdb")
    print(pipeline.run(tmdb(day, int(os.environ["TMDB_PAGES"])), loader_file_format="csv"))


def _credentials() -> str:
    # dlt requires a host and a password; the socket in the query takes precedence over the host and needs neither.
    return os.environ["WAREHOUSE_URL"].replace("postgres@/", "postgres:none@localhost/", 1)


if __name__ == "__main__":
    main()
