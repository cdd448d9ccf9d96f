"""A first load of a table or partition, and that of a new day, leaves Postgres's planner with statistics of it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.loading.latest_state import ensure_day
from tmdb_assets.warehouse.loading.merge import ANALYZE_DAY_FROM, merge
from tmdb_assets.warehouse.loading.staging import create_staging, staging_name
from tmdb_assets.warehouse.schema.ddl import ensure_partition, partition_name
from tmdb_assets.warehouse.schema.dimensions import dim_genre
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_export
from tmdb_assets.warehouse.schema.roles import LOADER, apply_roles
from tmdb_assets.warehouse.warehouse import Warehouse

DAY = dt.date(2026, 7, 31)
GENRES = f"""
insert into {staging_name(dim_genre)} (genre_id, name, as_of_date)
select n, 'Genre ' || n, '2026-07-31' from generate_series(cast(:first as integer), :last) as n
"""
EXPORT = f"""
insert into {staging_name(raw_export)} (snapshot_date, movie_id, popularity)
select '2026-07-31', n, 1 from generate_series(cast(:first as integer), :last) as n
"""
FILMS = """
insert into dim_movie (movie_id, title, as_of_date)
select n, 'Film ' || n, '2026-07-30' from generate_series(1, cast(:films as integer)) as n
"""
FACTS = f"""
insert into {staging_name(fact_movie_daily)} (date_id, movie_id, popularity, source)
select :day, n, 1, 'export' from generate_series(1, cast(:films as integer)) as n
"""


def load(connection: sa.Connection, table: sa.Table, staged: str, first: int, last: int) -> None:
    create_staging(connection, table)
    connection.execute(sa.text(staged), {"first": first, "last": last})
    assert merge(connection, table).inserted == last - first + 1
    connection.exec_driver_sql(f"drop table {staging_name(table)}")


def rows_known(connection: sa.Connection, name: str) -> float:
    """The number of rows that the planner has counted; -1 for never."""
    return float(connection.scalar(sa.text("select reltuples from pg_class where oid = to_regclass(:n)"), {"n": name}))


def test_a_first_load_counts_the_rows_and_a_later_one_leaves_that_to_autovacuum(warehouse: Warehouse) -> None:
    ensure_partition(warehouse.engine, raw_export, DAY)
    for table, staged, name in (
        (dim_genre, GENRES, "dim_genre"),
        (raw_export, EXPORT, partition_name(raw_export, DAY)),
    ):
        with warehouse.begin() as connection:
            assert rows_known(connection, name) == -1
            load(connection, table, staged, 1, 30)
            assert rows_known(connection, name) == 30
            load(connection, table, staged, 31, 40)
            assert rows_known(connection, name) == 30


def test_a_new_day_of_a_month_is_not_taken_for_one_row(warehouse: Warehouse) -> None:
    """Without it, Postgres would loop over the films of the day for each row that it joins to them."""
    days, films = (DAY - dt.timedelta(days=1), DAY), ANALYZE_DAY_FROM
    ensure_partition(warehouse.engine, fact_movie_daily, DAY)
    with warehouse.begin() as connection:
        for day in days:
            ensure_day(connection, day)
        connection.execute(sa.text(FILMS), {"films": films})
        for day in days:
            create_staging(connection, fact_movie_daily)
            connection.execute(sa.text(FACTS), {"day": day, "films": films})
            assert merge(connection, fact_movie_daily).inserted == films
            connection.exec_driver_sql(f"drop table {staging_name(fact_movie_daily)}")
            plan = "explain (format json) select from fact_movie_daily where date_id = :day"
            found = connection.scalar(sa.text(plan), {"day": day})
            assert found[0]["Plan"]["Plan Rows"] == films


def test_a_loader_that_does_not_own_the_table_loads_without(warehouse: Warehouse) -> None:
    apply_roles(warehouse.engine, Settings.load(), is_embedded=True)
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"set local role {LOADER}")
        load(connection, dim_genre, GENRES, 1, 30)
        assert rows_known(connection, "dim_genre") == -1


def test_a_table_that_another_transaction_analyzes_is_not_waited_for(warehouse: Warehouse) -> None:
    with warehouse.begin() as other, warehouse.begin() as connection:
        other.exec_driver_sql("lock table dim_genre in share update exclusive mode")
        connection.exec_driver_sql("set local lock_timeout = '5s'")
        load(connection, dim_genre, GENRES, 1, 30)
        assert rows_known(connection, "dim_genre") == -1
