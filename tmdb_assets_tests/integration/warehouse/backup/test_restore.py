"""Restores: the saved rows are back, usable at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.backup.dump import Counts, back_up
from tmdb_assets.warehouse.backup.fill import list_objects
from tmdb_assets.warehouse.backup.programs import RefusedError
from tmdb_assets.warehouse.backup.restore import Restored, restore
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.roles import OWNER, apply_roles
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import READER
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.former_schema import make_former
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
from tmdb_assets_tests.oracle.compare import Tables, run_as_admin
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.pooler import needs_pgbouncer, transaction_pooler
from tmdb_assets_tests.stage.postgres import connect, database_names


def test_what_comes_back_into_an_empty_database_is_what_was_saved(
    server: Server, loaded_database: str, saved: Path, database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert restore(on(server, database), saved) == Restored(COUNTS)
    before = everything(server.url.set(database=loaded_database))
    assert len(before["fact_movie_daily"]) == 20
    assert {row[0] for row in before["relations"]} >= {
        "vw_top_movies",
        "fact_movie_daily_2026_07",
        "raw_details_2026_07_29",
    }
    assert everything(database) == before
    with connect(database) as connection:  # the planner has statistics
        query = "select distinct tablename, inherited from pg_stats where schemaname = 'public'"
        assert set(connection.execute(query)) >= {("dim_movie", False), ("fact_movie_daily", True)}

    warehouse = Warehouse(url=database)
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        assert failures_of(graph.run(NEXT_DAY, charts=False)) == []
        assert graph.column("select distinct date_id from fact_movie_daily order by 1") == [DAY, NEXT_DAY]
    warehouse.close()


def test_a_schema_without_rows_may_be_filled_and_rows_need_replace(
    server: Server, saved: Path, loaded_database: str, warehouse: Warehouse
) -> None:
    ensure_schema(warehouse.engine)
    warehouse.close()
    assert restore(on(server, warehouse.url), saved).counts == COUNTS
    execute(warehouse.url, "update dim_movie set title = 'changed'", "delete from fact_movie_daily")
    changed = everything(warehouse.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, warehouse.url), saved)
    assert_one_line(raised, "holds rows", "dim_movie", "Nothing was changed", "--replace")
    assert everything(warehouse.url) == changed

    assert restore(on(server, warehouse.url), saved, replace=True) == Restored(COUNTS)
    assert everything(warehouse.url) == everything(server.url.set(database=loaded_database))


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (("create table mine as select 7 as id",), ("public.mine",)),
        (('create view "my films" as select title from dim_movie',), ('public."my films"',)),
        (("create schema own", "create table own.notes (id int)"), ("own.notes",)),
        (("create function twice(int) returns int language sql as 'select 2 * $1'",), ("public.twice()",)),
        (("grant select on dim_movie to pg_monitor",), ("grants to pg_monitor",)),
        (("grant select (title) on dim_movie to public",), ("grants to public",)),
        (("grant execute on function renew_totals() to pg_monitor",), ("grants to pg_monitor",)),
        (
            ("alter default privileges in schema public grant select on tables to pg_monitor",),
            ("default privileges of postgres",),
        ),
        (("create schema lang", "create extension vector schema lang"), ("extension vector",)),
    ],
    ids=["table", "view", "schema", "function", "grant", "column", "call", "default", "extension"],
)
def test_what_others_made_is_kept_in_the_former_database(
    server: Server, saved: Path, loaded_database: str, copy: Warehouse, made: tuple[str, ...], names: tuple[str, ...]
) -> None:
    if "vector" in made[-1] and not server.is_embedded:
        pytest.skip("this server may not have the extension")
    execute(copy.url, *made)
    restored = restore(on(server, copy.url), saved, replace=True)
    try:
        assert restored.others == names
        assert restored.former is not None
        assert everything(copy.url) == everything(server.url.set(database=loaded_database))
        with sa.create_engine(copy.url.set(database=restored.former), poolclass=sa.NullPool).connect() as connection:
            assert {*list_objects(connection)} >= {*names, "public.dim_movie"}
        restore(on(server, copy.url), saved, replace=True)
        assert restored.former in database_names(server.url)
    finally:
        run_as_admin(server, f"drop database {restored.former}")


def test_what_others_made_in_the_backup_is_named(
    server: Server, copy: Warehouse, database: sa.URL, tmp_path: Path
) -> None:
    execute(
        copy.url,
        'create table "my films" as select title from dim_movie',
        "create view mine as select title from dim_movie",
        "create materialized view of_mine as select title from mine",
        "create function twice(int) returns int language sql as 'select 2 * $1'",
        "alter default privileges in schema public grant select on tables to pg_monitor",
    )
    back_up(on(server, copy.url), tmp_path / "warehouse.dump")
    assert restore(on(server, database), tmp_path / "warehouse.dump").left_out == (
        "default privileges for tables",
        "public.mine",
        "public.my films",
        "public.of_mine",
        "public.twice()",
    )


def test_an_earlier_releases_backup_is_upgraded(
    server: Server, copy: Warehouse, database: sa.URL, tmp_path: Path
) -> None:
    new = everything(copy.url)
    with sa.create_engine(database, poolclass=sa.NullPool).begin() as connection:
        make_former(connection)
        connection.exec_driver_sql(
            "insert into dim_movie (movie_id, title, as_of_date, is_adult) values (1, 'A film', '2026-07-01', false); "
            "insert into fetch_log values ('2026-07-01', 'due', 'all', now(), now(), 0, 0)"
        )
    back_up(on(server, database), tmp_path / "earlier.dump")
    restored = restore(on(server, copy.url), tmp_path / "earlier.dump", replace=True)
    assert (restored.counts, restored.left_out) == (Counts(1, 0, 0), ())
    after = everything(copy.url)
    assert Tables(copy).rows("select title, kind from dim_movie, fetch_log") == [("A film", "changes")]
    for what in ("columns", "constraints", "indexes", "tables", "functions", "triggers", "rights"):
        assert after[what] == new[what], what


def test_owner_rights_locale_and_settings_of_the_database_stay(
    server: Server, saved: Path, loaded_database: str, copy: Warehouse
) -> None:
    name = copy.url.database
    execute(
        copy.url,
        f"create role owner_of_{name} createdb",
        f"create role guest_of_{name}",
        f"alter database {name} owner to owner_of_{name}",
        f"revoke temporary on database {name} from public",
        f"grant create on database {name} to guest_of_{name}",
        f"grant usage, create on schema public to guest_of_{name}",
        f'alter database {name} set search_path = public, "Own schema"',
        f"alter role guest_of_{name} in database {name} set work_mem = '8MB'",
    )
    query = """
        select to_jsonb(d) - array['oid', 'datacl', 'datfrozenxid', 'datminmxid', 'dathasloginevt'],
            (select array_agg(acl::text order by acl::text) from unnest(d.datacl || n.nspacl) as acl),
            (select jsonb_agg((s.setrole::regrole, s.setconfig) order by s.setrole) from pg_db_role_setting as s
                where s.setdatabase = d.oid)
        from pg_database as d, pg_namespace as n where datname = current_database() and nspname = 'public'
    """
    try:
        with connect(copy.url) as connection:
            before = connection.execute(query).fetchall()
        restore(on(server, copy.url), saved, replace=True)
        with connect(copy.url) as connection:
            assert connection.execute(query).fetchall() == before
    finally:
        execute(copy.url, f"alter database {name} owner to current_user", f"drop owned by guest_of_{name}")
        execute(copy.url, f"drop role owner_of_{name}", f"drop role guest_of_{name}")


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

        # Another role's file, restored by a role that owns only its database.
        execute(server.url, f"alter database {database.database} owner to {loader}")
        with pytest.raises(RefusedError) as raised:
            restore(on(server, database.set(username=loader)), saved)
        assert_one_line(raised, f'alter role "{loader}" createdb', "Nothing was changed")
        execute(server.url, f"alter role {loader} createdb")
        assert restore(on(server, database.set(username=loader)), saved).counts == COUNTS
        with connect(database) as connection:
            assert connection.execute(owners).fetchall() == [(loader,)]
            rights = "select has_function_privilege('tmdb_reader', 'drop_raw_partitions(date)', 'execute')"
            assert connection.execute(rights).fetchone() == (False,)
    finally:
        execute(database, f"reassign owned by {loader} to postgres", f"drop owned by {loader}")
        execute(copy.url, f"drop owned by {loader}", f"drop role {loader}")


@needs_pgbouncer
def test_a_pooler_must_have_an_entry_for_every_database(
    server: Server, saved: Path, loaded_database: str, copy: Warehouse
) -> None:
    storage = str(server.storage_url.database)

    def behind(pooled: sa.URL) -> Server:
        there = on(server, pooled.set(database=copy.url.database))
        return dataclasses.replace(there, storage_url=pooled.set(database=storage))

    known = (str(copy.url.database), storage)
    refused = pytest.raises(WarehouseUnavailableError, match="let WAREHOUSE_URL name the server itself")
    with transaction_pooler(server.url, databases=known) as pooled, refused:
        restore(behind(pooled), saved, replace=True)
    with transaction_pooler(server.url) as pooled:
        assert restore(behind(pooled), saved, replace=True) == Restored(COUNTS)
    assert everything(copy.url) == everything(server.url.set(database=loaded_database))
