"""Rows whose foreign key has no parent are rejected, and say which parent is missing."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.transforms.conform import Reason
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.bridges import bridge_movie_genre
from tmdb_assets.warehouse.schema.dimensions import dim_genre, dim_movie
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import load_rows, rows_of

DAY = dt.date(2026, 7, 29)


@pytest.fixture
def linked(warehouse: Warehouse) -> Warehouse:
    films = [{"movie_id": n, "title": f"m{n}", "as_of_date": DAY} for n in range(1, 26)]
    load_rows(warehouse, dim_movie, films)
    load_rows(warehouse, dim_genre, [{"genre_id": 1, "name": "genre 1", "as_of_date": DAY}], day=DAY)
    return warehouse


def test_rows_without_their_parent_are_rejected(linked: Warehouse) -> None:
    links = [{"movie_id": n, "genre_id": 1} for n in range(1, 26)] + [{"movie_id": 1, "genre_id": 99}]
    loaded = load_rows(linked, bridge_movie_genre, links, day=DAY, part=lambda row: f"film {row['movie_id']}")
    assert loaded.counts == MergeCounts(inserted=25)
    assert [(item.row, item.reasons, item.part) for item in loaded.rejected] == [
        (links[-1], (Reason("genre_id is in dim_genre", "99"),), "film 1")
    ]
    assert rows_of(linked, "select count(*) from bridge_movie_genre") == [(25,)]


def test_of_two_missing_parents_the_same_is_always_named(linked: Warehouse) -> None:
    links = [{"movie_id": n, "genre_id": 1} for n in range(1, 26)] + [{"movie_id": 77, "genre_id": 99}]
    loaded = load_rows(linked, bridge_movie_genre, links, day=DAY)
    assert [reason.rule for item in loaded.rejected for reason in item.reasons] == ["genre_id is in dim_genre"]


def test_a_film_of_an_unknown_language_is_rejected_and_one_without_is_not(linked: Warehouse) -> None:
    film = {"title": "x", "as_of_date": DAY}
    films = [{**film, "movie_id": n, "original_language": None} for n in range(1, 25)]
    loaded = load_rows(linked, dim_movie, [*films, {**film, "movie_id": 30, "original_language": "xx"}], day=DAY)
    assert [(item.row["movie_id"], item.reasons[0].rule) for item in loaded.rejected] == [
        (30, "original_language is in dim_language")
    ]
