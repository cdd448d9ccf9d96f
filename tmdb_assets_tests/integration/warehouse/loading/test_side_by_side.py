"""Loads and schemas side by side: no deadlock, and nothing twice."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.loading.latest_state import keep_latest
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema
from tmdb_assets.warehouse.schema.dimensions import dim_company, dim_date, dim_genre, dim_language, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows, rows_of
from tmdb_assets_tests.stage.at_once import in_background, together, wait_until_blocked
from tmdb_assets_tests.stage.waiting import PATIENCE_S

DAY = dt.date(2026, 7, 31)


def test_two_threads_bring_up_an_empty_database(database: sa.URL) -> None:
    warehouses = [Warehouse(url=database) for _ in range(3)]
    together(*(lambda made=made: made.engine for made in warehouses))
    assert rows_of(warehouses[0], "select count(*) from applied_sql") == [(1,)]
    together(*(lambda made=made: ensure_schema(made.engine) for made in warehouses))
    for made in warehouses:
        made.close()


def test_two_threads_apply_a_view(warehouse: Warehouse) -> None:
    def apply() -> bool:
        with warehouse.begin() as connection:
            return apply_view(connection, "vw_top_movies")

    _ = warehouse.engine
    assert True in together(apply, apply, apply)
    assert rows_of(warehouse, "select count(*) from applied_sql where name = 'vw_top_movies'") == [(1,)]


def test_a_month_is_made_by_two_threads_at_once(warehouse: Warehouse) -> None:
    load_rows(warehouse, dim_date, calendar_rows(2026, 2026))
    load_rows(warehouse, dim_movie, [{"movie_id": 1, "title": "x", "as_of_date": DAY}])

    def load_fact(day: dt.date) -> MergeCounts:
        fact = {"date_id": day, "movie_id": 1, "popularity": float(day.day), "source": "discover", "vote_count": 1}
        with warehouse.begin() as connection:
            loaded = load(connection, fact_movie_daily, [as_frame(fact_movie_daily, [fact])], day=day)
            keep_latest(connection, day)
        return loaded.counts

    days = [dt.date(2026, 7, 30), dt.date(2026, 7, 31), dt.date(2026, 8, 1), dt.date(2026, 8, 2)]
    assert together(*(lambda day=day: load_fact(day) for day in days)) == [MergeCounts(inserted=1)] * 4
    months = "select tableoid::regclass::text, count(*) from fact_movie_daily group by 1 order by 1"
    assert rows_of(warehouse, months) == [("fact_movie_daily_2026_07", 2), ("fact_movie_daily_2026_08", 2)]
    assert rows_of(warehouse, "select popularity, snapshot_date from movie_latest") == [(2.0, days[-1])]


def dimension_rows(table: sa.Table, day: dt.date, *, is_reversed: bool) -> list[Row]:
    key, count = table.columns[0].name, 300
    codes = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(count)]
    rows = [
        {key: codes[n] if table is dim_language else n + 1, "as_of_date": day, "name": f"{n} on {day}"}
        | ({"title": f"{n} on {day}"} if table is dim_movie else {})
        for n in range(count)
    ]
    return rows[::-1] if is_reversed else rows


def test_four_threads_load_overlapping_dimensions(warehouse: Warehouse) -> None:
    tables = [dim_genre, dim_company, dim_language, dim_movie]
    _ = warehouse.engine

    def load_days(number: int) -> None:
        for step in range(3):
            day = DAY + dt.timedelta(days=(number + step) % 4)
            with warehouse.begin() as connection:  # one transaction over all tables, rows in opposite orders
                for table in tables:
                    rows = dimension_rows(table, day, is_reversed=number % 2 == 1)
                    load(connection, table, [as_frame(table, rows)], day=day)

    together(*(lambda number=number: load_days(number) for number in range(4)))
    newest = DAY + dt.timedelta(days=3)
    for table in tables:
        name = "title" if table is dim_movie else "name"
        query = f"select count(*), count(*) filter (where {name} like :n), min(as_of_date) from {table.name}"
        assert rows_of(warehouse, query, n=f"% on {newest}") == [(300, 300, newest)]


def test_rows_that_another_load_inserts_meanwhile_are_not_counted_twice(warehouse: Warehouse) -> None:
    rows = [{"genre_id": n, "name": f"g{n}", "as_of_date": DAY} for n in range(1, 41)]
    with warehouse.begin() as connection:
        first = load(connection, dim_genre, [as_frame(dim_genre, rows)], day=DAY).counts
        second = in_background(lambda: load_rows(warehouse, dim_genre, rows, day=DAY))
        wait_until_blocked(warehouse)
    assert first == MergeCounts(inserted=40)
    assert second.result(timeout=PATIENCE_S).counts == MergeCounts(unchanged=40)
