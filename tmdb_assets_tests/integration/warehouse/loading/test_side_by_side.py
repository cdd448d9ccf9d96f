"""Schema and views made by several threads at once: no deadlock, and nothing twice."""

from __future__ import annotations

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.stage.at_once import together


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
