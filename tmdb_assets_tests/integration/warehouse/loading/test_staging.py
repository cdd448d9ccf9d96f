"""The staging table: values of every type, repeats, and chunks that are released."""

from __future__ import annotations

import datetime as dt
import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from tmdb_assets.transforms.conform import Conformed, Row
from tmdb_assets.warehouse.loading import merge, staging
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.dimensions import dim_date, dim_genre, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.history import movie_history
from tmdb_assets.warehouse.schema.raw import fetch_log, raw_discover
from tmdb_assets.warehouse.schema.vocabulary import frame_columns
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows, rows_of

DAY = dt.date(2026, 7, 29)
EXTREMES: dict[str, list[Any]] = {
    "bigint": [-(2**63), 2**63 - 1, 0],
    "integer": [-(2**31), 2**31 - 1, 0],
    "smallint": [-(2**15), 2**15 - 1, 0],
    "double precision": [5e-324, 1.7976931348623157e308, -0.1],
    "date": [dt.date.min, dt.date.max, dt.date(1999, 12, 31)],
    "boolean": [True, False, True],
    "text": ["", "tab\t \\N \\. line\n", "🎬 \u2028 é"],
    "timestamp with time zone": [
        dt.datetime(1, 1, 2, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    ],
    "bigint[]": [[], [-(2**63), 2**63 - 1], [0]],
    "text[]": [[], ["", "a,b", "{}", "\\N", 'NULL "x"'], ["🎬 \u2028 é"]],
    "date[]": [[], [dt.date.min, dt.date.max], [dt.date(1999, 12, 31)]],
}


def genres(*names: str) -> list[Row]:
    return [{"genre_id": n, "name": name, "as_of_date": DAY} for n, name in enumerate(names, start=1)]


TYPES_IN = [dim_movie, dim_date, fact_movie_daily, fetch_log, raw_discover, movie_history]


@pytest.mark.parametrize("table", TYPES_IN, ids=str)
def test_extreme_and_unknown_values_of_every_type_are_staged_unchanged(table: sa.Table, warehouse: Warehouse) -> None:
    def type_of(name: str) -> str:
        return str(table.c[name].type.compile(warehouse.engine.dialect)).lower()

    names = [name for name in frame_columns(table) if type_of(name) in EXTREMES]
    rows = [{name: EXTREMES[type_of(name)][place] for name in names} for place in range(3)]
    with warehouse.begin() as connection:
        staging.create_staging(connection, table)
        staging.stage(connection, table, as_frame(table, rows).frame)
        staging.stage(connection, table, as_frame(table, [{}, rows[0]]).frame)  # a row of unknowns, and a repeat
        query = f"select {', '.join(names)} from {staging.staging_name(table)} order by staged_number"
        staged = [dict(row._mapping) for row in connection.exec_driver_sql(query)]
    assert staged == [*rows, dict.fromkeys(names), rows[0]]


def test_every_type_that_frames_carry_has_its_extremes_here() -> None:
    assert set(EXTREMES) == staging.BINARY_TYPES


def test_a_plain_insert_that_another_load_precedes_becomes_a_merge(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, tried = merge._insert_new, []

    def after_another(connection: sa.Connection, table: sa.Table) -> int | None:
        monkeypatch.setattr(merge, "_insert_new", insert)
        load_rows(warehouse, dim_genre, genres("theirs", "mine"), day=DAY)  # after the check that none is stored
        tried.append(insert(connection, table))
        return tried[-1]

    monkeypatch.setattr(merge, "_insert_new", after_another)
    with warehouse.begin() as connection:
        staging.create_staging(connection, dim_genre)
        staging.stage(connection, dim_genre, as_frame(dim_genre, genres("mine", "mine", "mine")).frame)
        counts = merge.merge(connection, dim_genre)
    assert tried == [None]
    assert counts == MergeCounts(inserted=1, updated=1, unchanged=1)
    assert rows_of(warehouse, "select name from dim_genre order by genre_id") == [("mine",)] * 3


def test_a_load_must_pass_the_parameters_of_its_tables_merge(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dim_genre.info, "merge", replace(dim_genre.info["merge"], wins=":is_newer"))
    with pytest.raises(ValueError, match="dim_genre: its merge needs is_newer"):
        load_rows(warehouse, dim_genre, [], day=DAY)
    load_rows(warehouse, dim_genre, genres("a"), day=DAY, parameters={"is_newer": False})
    counts = load_rows(warehouse, dim_genre, genres("b"), day=DAY, parameters={"is_newer": False}).counts
    assert counts == MergeCounts(unchanged=1)


@pytest.mark.parametrize("is_stored", [False, True])
def test_of_repeats_over_chunks_the_last_wins_whether_rows_are_stored_or_not(
    is_stored: bool, warehouse: Warehouse
) -> None:
    if is_stored:
        load_rows(warehouse, dim_genre, genres("stored", "stored"), day=DAY)
    loaded = load_rows(warehouse, dim_genre, genres("a", "b"), genres("c"), genres("d", "b"), day=DAY)
    assert loaded.counts == (MergeCounts(updated=2) if is_stored else MergeCounts(inserted=2))
    assert rows_of(warehouse, "select name from dim_genre order by genre_id") == [("d",), ("b",)]


def test_a_load_large_enough_for_statistics_counts_and_rewrites_like_a_small_one(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "ANALYZE_FROM", 2)
    load_rows(warehouse, dim_genre, genres("a", "b", "c"), day=DAY)
    query = "select genre_id, name, xmin::text from dim_genre order by genre_id"
    before = rows_of(warehouse, query)
    assert load_rows(warehouse, dim_genre, genres("a", "B", "c", "d"), day=DAY).counts == MergeCounts(1, 1, 2)
    after = rows_of(warehouse, query)
    assert (after[0], after[2]) == (before[0], before[2])
    assert [name for _, name, _ in after] == ["a", "B", "c", "d"]


def test_chunks_are_released_while_others_arrive(warehouse: Warehouse) -> None:
    count, size = 12, 1000
    frames: list[weakref.ref[pd.DataFrame]] = []
    alive: list[int] = []

    def chunks() -> Iterator[Conformed]:
        for place in range(count):
            gc.collect()
            alive.append(sum(held() is not None for held in frames))
            first = place * size + 1
            rows = [{"genre_id": n, "name": "x", "as_of_date": DAY} for n in range(first, first + size)]
            made = as_frame(dim_genre, rows)
            frames.append(weakref.ref(made.frame))
            yield made
            del made

    with warehouse.begin() as connection:
        loaded = load(connection, dim_genre, chunks(), day=DAY)
    assert (loaded.received, loaded.counts) == (count * size, MergeCounts(inserted=count * size))
    assert len(alive) == count
    assert max(alive) <= 1  # the one before, which the loop still names
