"""Restores: what comes back is what was saved, usable at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.backup.dump import RefusedError, back_up
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.roles import OWNER, READER, apply_roles
from tmdb_assets.warehouse.schema.upgrade import find_version
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import (
    CATALOGUE,
    COUNTS,
    DAY,
    NEXT_DAY,
    assert_one_line,
    everything,
    execute,
    on,
)
from tmdb_assets_tests.integration.warehouse.schema.test_upgrade import make_earlier
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse, state_of
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.postgres import connect


def test_what_comes_back_into_an_empty_database_is_what_was_saved(
    server: Server, loaded_database: str, saved: Path, database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert restore(on(server, database), saved) == COUNTS
    before = everything(server.url.set(database=loaded_database))
    assert len(before["fact_movie_daily"]) == 20
    assert {row[0] for row in before["relations"]} >= {
        "vw_top_movies",
        "fact_movie_daily_2026_07",
        "raw_details_2026_07_29",
    }
    assert everything(database) == before

    warehouse = Warehouse(url=database)
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        assert failures_of(graph.run(NEXT_DAY, charts=False)) == []
        assert graph.column("select distinct date_id from fact_movie_daily order by 1") == [DAY, NEXT_DAY]
    warehouse.close()


def test_the_planner_knows_the_rows_that_came_back(server: Server, saved: Path, database: sa.URL) -> None:
    restore(on(server, database), saved)
    with connect(database) as connection:  # making an index notes the number of rows; how values spread is what counts
        query = "select distinct tablename, inherited from pg_stats where schemaname = 'public'"
        assert set(connection.execute(query)) >= {("dim_movie", False), ("fact_movie_daily", True)}


def test_a_schema_without_rows_may_be_filled_and_rows_need_replace(
    server: Server, saved: Path, loaded_database: str, warehouse: Warehouse
) -> None:
    ensure_schema(warehouse.engine)
    warehouse.close()
    assert restore(on(server, warehouse.url), saved) == COUNTS
    execute(warehouse.url, "update dim_movie set title = 'changed'", "delete from fact_movie_daily")
    changed = everything(warehouse.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, warehouse.url), saved)
    assert_one_line(raised, "holds rows", "dim_movie", "Nothing was changed", "--replace")
    assert everything(warehouse.url) == changed

    assert restore(on(server, warehouse.url), saved, replace=True) == COUNTS
    assert everything(warehouse.url) == everything(server.url.set(database=loaded_database))


def test_what_came_after_the_backup_goes_and_what_others_put_beside_stays(
    server: Server, saved: Path, loaded_database: str, copy: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform(copy, CATALOGUE, monkeypatch) as graph:
        assert failures_of(graph.run(NEXT_DAY, charts=False)) == []
    copy.close()
    execute(copy.url, "create table mine (id int)", "insert into mine values (7)", "create schema own")
    restore(on(server, copy.url), saved, replace=True)
    with connect(copy.url) as connection:
        assert connection.execute("select id from mine").fetchall() == [(7,)]
        connection.execute("drop table mine")
    assert everything(copy.url) == everything(server.url.set(database=loaded_database))


def test_an_earlier_releases_backup_replaces_a_warehouse_and_is_brought_up(
    server: Server, copy: Warehouse, database: sa.URL, tmp_path: Path
) -> None:
    earlier = sa.create_engine(database, poolclass=sa.NullPool)
    make_earlier(earlier, "0001")
    # Its rows refer to nothing; what a warehouse holds refers to what is there.
    execute(
        database,
        "truncate fact_movie_daily, movie_latest, load_day, bridge_movie_genre, bridge_movie_company, "
        "bridge_movie_country, bridge_movie_language",
        "update dim_movie set original_language = null",
    )
    back_up(on(server, database), tmp_path / "earlier.dump")
    before = everything(database)
    restore(on(server, copy.url), tmp_path / "earlier.dump", replace=True)
    engine = sa.create_engine(copy.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert find_version(connection) == "0001"
    assert everything(copy.url) == before
    ensure_schema(engine)
    with engine.connect() as connection:
        assert find_version(connection) == HEAD
    assert len(Tables(copy).rows("select movie_id from dim_movie")) == 2


def test_a_view_of_ones_own_in_the_backup_comes_back(server: Server, copy: Warehouse, tmp_path: Path) -> None:
    execute(
        copy.url,
        'create view "my favourites" as select title from dim_movie where movie_id % 2 = 0',
        "create function a_title() returns text language sql as 'select title from dim_movie order by 1 limit 1'",
    )
    back_up(on(server, copy.url), tmp_path / "warehouse.dump")
    before = everything(copy.url)
    restore(on(server, copy.url), tmp_path / "warehouse.dump", replace=True)
    assert everything(copy.url) == before
    with connect(copy.url) as connection:
        assert connection.execute('select count(*) from "my favourites"').fetchone() == (10,)


def test_owners_and_grants_are_those_of_the_warehouse_not_of_the_file(
    server: Server, saved: Path, copy: Warehouse, database: sa.URL
) -> None:
    apply_roles(copy.engine, Settings.load(), is_embedded=True)
    copy.close()
    loader = f"loader_of_{copy.url.database}"
    execute(copy.url, f"create role {loader} login in role tmdb_loader")
    try:
        restore(on(server, copy.url), saved, replace=True)
        with connect(copy.url.set(username=READER)) as reader:
            assert reader.execute("select count(*) from vw_top_movies").fetchone() == (20,)
            for forbidden in ("select drop_raw_partitions('2100-01-01')", "select 1 from raw_details"):
                with pytest.raises(InsufficientPrivilege):
                    reader.execute(forbidden)
        with connect(copy.url.set(username=loader)) as connection:
            connection.execute("select ensure_partition('fact_movie_daily', 'month', '2026-09-01')")
            owners = "select distinct tableowner from pg_tables where schemaname = 'public'"
            assert connection.execute(owners).fetchall() == [(OWNER,)]

        # Another role's file, restored by one that owns nothing but its database.
        execute(server.url, f"alter database {database.database} owner to {loader}")
        assert restore(on(server, database.set(username=loader)), saved) == COUNTS
        with connect(database) as connection:
            assert connection.execute(owners).fetchall() == [(loader,)]
            rights = "select has_function_privilege('tmdb_reader', 'drop_raw_partitions(date)', 'execute')"
            assert connection.execute(rights).fetchone() == (False,)
    finally:
        execute(database, f"reassign owned by {loader} to postgres", f"drop owned by {loader}")
        execute(copy.url, f"drop owned by {loader}", f"drop role {loader}")


def test_state_by_the_tables_that_are_compared_elsewhere(
    server: Server, loaded_database: str, saved: Path, database: sa.URL
) -> None:
    restore(on(server, database), saved)
    with copied_warehouse(server, loaded_database) as right:
        restored = Warehouse(url=database)
        assert state_of(Tables(restored)) == state_of(Tables(right))
        restored.close()
