"""A day's details give each table the same rows whether the day fits in one chunk or is read for each table."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from tmdb_assets.assets import day_details
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.transforms.details import DETAIL_TABLES, parse_details
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets_tests.cases.awkward import film, genres
from tmdb_assets_tests.cases.sound_rows import load_rows

DAY = dt.date(2026, 7, 29)
FILMS = [film(movie_id, genres=genres((28, 12, 16)[movie_id % 3], 18), popularity=1.0) for movie_id in range(1, 24)]
NOT_FOUND = 99


@pytest.fixture
def stored(warehouse):
    rows = [{"movie_id": made["id"], "status_code": 200, "payload": made} for made in FILMS]
    rows.append({"movie_id": NOT_FOUND, "status_code": 404, "payload": None})
    now = dt.datetime(2026, 7, 29, 9, tzinfo=dt.UTC)
    load_rows(warehouse, raw_details, [{"snapshot_date": DAY, "fetched_at": now, **row} for row in rows])
    return warehouse


@pytest.mark.parametrize("kept", [0, 24])  # films and a 404
@pytest.mark.parametrize("size", [5, 23, 24, 100])
def test_every_table_gets_the_rows_of_all_films_chunk_by_chunk(stored, size, kept):
    details = DayDetails(films_a_chunk=size, films_kept=kept)
    chunks = [FILMS[start : start + size] for start in range(0, len(FILMS), size)]
    for name in DETAIL_TABLES:
        assert list(details.rows(stored, DAY, name)) == [parse_details(chunk, DAY)[name] for chunk in chunks]
        assert list(details.rows(stored, DAY + dt.timedelta(days=1), name)) == []


def test_a_day_that_is_kept_is_read_and_parsed_once(stored, monkeypatch):
    read = []
    monkeypatch.setattr(day_details, "parse_details", lambda *given: read.append(given) or parse_details(*given))
    details = DayDetails(films_a_chunk=10, films_kept=24)
    for name in DETAIL_TABLES:
        rows = [row for chunk in details.rows(stored, DAY, name) for row in chunk]
        rows.clear()  # what a table does to its rows is not seen by the next
    assert [len(films) for films, _ in read] == [10, 10, 3]


def test_a_value_of_an_own_table_that_no_column_can_hold_is_left_to_its_contract(stored, monkeypatch):
    def rows(films, _day):
        return {"own": [{"movie_id": film["id"], "value": (number for number in ())} for film in films]}

    monkeypatch.setattr(day_details, "own_rows", rows)
    details = DayDetails(films_a_chunk=20, films_kept=24)
    assert [row["movie_id"] for chunk in details.rows(stored, DAY, "own") for row in chunk] == [*range(1, 24)]
    assert sum(map(len, details.rows(stored, DAY, "dim_movie"))) == 23


@pytest.mark.parametrize("kept", [0, 24])
def test_newer_answers_are_read(stored, kept):
    details = DayDetails(films_a_chunk=5, films_kept=kept)
    assert sum(map(len, details.rows(stored, DAY, "dim_movie"))) == 23
    with stored.begin() as connection:
        later = dt.datetime(2026, 7, 29, 10, tzinfo=dt.UTC)
        connection.execute(
            sa.update(raw_details)
            .where(raw_details.c.movie_id == 1)
            .values(payload={**FILMS[0], "title": "Another title"}, fetched_at=later)
        )
    (first, *_) = details.rows(stored, DAY, "dim_movie")
    assert first[0]["title"] == "Another title"
