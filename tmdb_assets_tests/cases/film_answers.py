"""Answers to requests for details, of films known only by the genres that they say, loaded into the history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import parse_details
from tmdb_assets.warehouse.loading.history import merge_history
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.dimensions import dim_movie
from tmdb_assets.warehouse.schema.history import movie_history
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import load_rows

FIRST = dt.date(2026, 7, 29)
GONE = "gone"
Answers = Mapping[int, str]  # by film: the genres that its details say, one letter each, or GONE


def details(film: int, genres: str) -> dict[str, Any]:
    """Details of a film that say only its genres."""
    return {"id": film, "title": "x", "genres": [{"id": ord(letter), "name": letter} for letter in genres]}


def know(warehouse: Warehouse, *films: int) -> None:
    """Make these films known."""
    load_rows(warehouse, dim_movie, [{"movie_id": film, "title": "x", "as_of_date": FIRST} for film in films])


def load_answers(warehouse: Warehouse, day: dt.date, answers: Answers, **also: Any) -> MergeCounts:
    """Store a day's answers and load the history from them, as the asset does; `also` is in each film's details."""
    at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    raw: list[Row] = [
        {"snapshot_date": day, "movie_id": film, "status_code": 404 if said == GONE else 200, "fetched_at": at}
        for film, said in answers.items()
    ]
    load_rows(warehouse, raw_details, raw, day=day)
    found = [details(film, said) | also for film, said in sorted(answers.items()) if said != GONE]
    rows = parse_details(found, day)["movie_history"]
    return load_rows(warehouse, movie_history, rows, day=day, merge=partial(merge_history, days=[day])).counts
