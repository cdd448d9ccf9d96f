"""Attacks by roles with few rights: each is carried out, and must gain nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.cli import maintenance
from tmdb_assets.cli.doctor import database as look_at_database
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.instance import storage
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.backup.dump import back_up
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server import open as opening
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, ensure_databases
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import execute
from tmdb_assets_tests.integration.warehouse.schema.traps import BY_THE_ORDER_OF_SCHEMAS, BY_WHAT_THE_OWNER_OWNS
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.postgres import connect

SETTINGS = Settings.load()

# In former releases a trigger function with the owner's rights looked for changed_rows, so that a reader's function ran
# as the owner: here it replaces a function that the next `migrate --roles` called as superuser.
BY_A_TEMPORARY_VIEW = (
    "set default_transaction_read_only = off",
    """
    create function pg_temp.act() returns boolean language plpgsql as $act$
    begin
        execute 'create or replace function public.grant_privileges() returns void language plpgsql as '
            '$f$ begin alter role {login} superuser; end $f$';
        return true;
    end
    $act$
    """,
    "create temporary view changed_rows as select pg_temp.act() as is_done; grant select on changed_rows to public",
    "create temporary table bait (id integer)",
    "create trigger spring after insert on bait for each statement execute function public.note_changed_rows()",
    "insert into bait values (1)",
)


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Warehouse:
    """A warehouse with its roles made."""
    apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
    return warehouse


def log_in(server: Server, warehouse: Warehouse, role: str) -> Iterator[sa.URL]:
    """The address of a log-in that is a member of the role and nothing else."""
    name = f"member_of_{role}_{warehouse.url.database}"
    execute(server.url, f"create role {name} login password 'x' in role {role}")
    yield warehouse.url.set(username=name, password="x")
    execute(server.url, f"alter role {name} nosuperuser", f"copy (select) to program 'rm -f gained_by_{name}'")
    execute(warehouse.url, f"reassign owned by {name} to current_user", f"drop owned by {name}")
    execute(server.url, f"drop role {name}")


@pytest.fixture
def owner(server: Server, warehouse: Warehouse) -> Iterator[sa.URL]:
    yield from log_in(server, warehouse, "tmdb_owner")


@pytest.fixture
def reader(server: Server, warehouse: Warehouse) -> Iterator[sa.URL]:
    yield from log_in(server, warehouse, "tmdb_reader")


def try_each(url: sa.URL, statements: tuple[str, ...]) -> list[type[Exception] | None]:
    """Run every statement, even after failures; return each one's error."""
    refusals: list[type[Exception] | None] = []
    with psycopg.connect(render_url(url), autocommit=True) as connection:
        for statement in statements:
            try:
                text = statement.replace("{login}", str(url.username)).replace("{database}", str(url.database))
                connection.execute(text)
                refusals.append(None)
            except psycopg.Error as error:
                refusals.append(type(error))
    return refusals


def has_gained(server: Server, url: sa.URL) -> bool:
    """Whether the log-in is a superuser, or its code ran as one; asked for in another database, without its traps."""
    query = "select rolsuper or (pg_stat_file('gained_by_' || rolname, true)).size is not null from pg_roles "
    with connect(server.url) as connection:
        return connection.execute(query + "where rolname = %s", [url.username]).fetchone() == (True,)


def test_a_reader_becomes_neither_owner_nor_superuser_by_a_temporary_view(
    server: Server, warehouse: Warehouse, reader: sa.URL
) -> None:
    refusals = try_each(reader, BY_A_TEMPORARY_VIEW)
    apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
    assert not has_gained(server, reader)
    assert None not in refusals[1:]  # not even its first step is possible
    assert Tables(warehouse).value("select to_regprocedure('grant_privileges()')::text") is None


@pytest.fixture
def migrate(server: Server, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What `tmdb-assets migrate --roles` does on an external server, as its superuser."""
    external = Server(warehouse.url, server.storage_url, is_embedded=False, bin_dir=server.bin_dir)
    monkeypatch.setattr(opening, "open_server", lambda _: external)
    monkeypatch.setattr(maintenance, "get_settings", lambda: SETTINGS)
    return lambda: maintenance.migrate.callback(roles=True)


@pytest.fixture
def work_as_superuser(
    server: Server, warehouse: Warehouse, migrate: Callable[[], None], tmp_path: Path
) -> dict[str, Callable[[], object]]:
    """What a superuser does with a warehouse on an external server."""
    external = dataclasses.replace(server, url=warehouse.url, is_embedded=False)
    back_up(external, tmp_path / "before.dump")
    loads = Warehouse(settings=Settings.load(warehouse_url="postgresql://postgres:x@db.example/tmdb", tmdb_token="x"))
    loads.__dict__["url"] = warehouse.url  # where it leads
    storage_url = warehouse.url.set(drivername="postgresql+psycopg2")
    return {
        "migrate --roles": migrate,
        "run": lambda: loads.engine,
        "doctor": lambda: list(look_at_database(loads)),
        "backup": lambda: back_up(external, tmp_path / "after.dump"),
        "restore": lambda: restore(external, tmp_path / "before.dump", replace=True),
        "open databases": lambda: ensure_databases([warehouse.url], maintenance=[], patience_s=0),
        "open Dagster's storage": lambda: storage.open_storage(dataclasses.replace(external, storage_url=storage_url)),
    }


@pytest.mark.parametrize("work", ["migrate --roles", "run", "doctor", "backup", "restore", "open databases"])
def test_an_owner_gains_nothing_by_a_superusers_work(
    work: str, server: Server, warehouse: Warehouse, owner: sa.URL, work_as_superuser: dict[str, Callable[[], object]]
) -> None:
    assert set(try_each(owner, BY_WHAT_THE_OWNER_OWNS)) == {None}
    with suppress(sa.exc.DBAPIError, ActionableError, SystemExit):  # whether it succeeds is another matter
        work_as_superuser[work]()
    assert not has_gained(server, owner)


@pytest.mark.parametrize(
    "work",
    ["migrate --roles", "run", "doctor", "backup", "restore", "open databases", "open Dagster's storage"],
)
def test_the_owner_of_a_database_gains_nothing_by_a_superusers_work(
    work: str, server: Server, warehouse: Warehouse, owner: sa.URL, work_as_superuser: dict[str, Callable[[], object]]
) -> None:
    execute(server.url, f"alter database {warehouse.url.database} owner to {owner.username}")
    warehouse.close()
    assert set(try_each(owner, BY_WHAT_THE_OWNER_OWNS + BY_THE_ORDER_OF_SCHEMAS)) == {None}
    with suppress(sa.exc.DBAPIError, ActionableError, SystemExit):  # whether it succeeds is another matter
        work_as_superuser[work]()
    assert not has_gained(server, owner)


@pytest.mark.parametrize("trap", ["select public.gain()", "select 1::oid = to_regclass('dim_movie')"])
def test_the_traps_of_these_tests_work(trap: str, server: Server, warehouse: Warehouse, owner: sa.URL) -> None:
    try_each(owner, BY_WHAT_THE_OWNER_OWNS)
    execute(warehouse.url, trap)
    assert has_gained(server, owner)


def test_a_superuser_migrates_tables_of_the_owner_and_what_it_makes_is_the_owners(
    warehouse: Warehouse, migrate: Callable[[], None]
) -> None:
    tables = Tables(warehouse)
    tables.execute("drop table load_day cascade; update applied_sql set sha256 = 'of another release'")
    migrate()
    owners = (
        "select distinct pg_get_userbyid(relowner)::text from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')"
    )
    assert tables.column(owners) == ["tmdb_owner"]
    assert tables.value("select count(*) from vw_load_status") == 0
    assert tables.column("select rolname::text from pg_roles where rolname ~ '^tmdb_passing'") == []


def test_a_superuser_that_loads_into_tables_of_the_owner_is_refused(warehouse: Warehouse) -> None:
    text = "postgresql://postgres:x@db.example/tmdb"
    made = Warehouse(settings=Settings.load(warehouse_url=text, tmdb_token="x"))
    made.__dict__["url"] = warehouse.url  # where it leads
    with pytest.raises(WarehouseUnavailableError, match=r"logs in as a superuser.*log in as tmdb_loader"):
        made.engine.connect()


def test_no_function_lends_rights_but_the_two_that_only_a_loader_may_call(warehouse: Warehouse) -> None:
    tables = Tables(warehouse)
    ours = "from pg_proc as p where p.pronamespace = 'public'::regnamespace"
    callers = "('public', p.oid, 'execute') or has_function_privilege('tmdb_reader', p.oid, 'execute')"
    assert set(tables.column(f"select proname::text {ours} and prosecdef")) == {
        "drop_raw_partitions",
        "ensure_partition",
    }
    assert tables.column(f"select proname::text {ours} and prosecdef and (has_function_privilege{callers})") == []
    path = "(select string_agg(value, '') from unnest(proconfig) as value where value like 'search_path=%')"
    paths = tables.column(f"select distinct {path} {ours} and prosqlbody is null")
    assert paths == ["search_path=pg_catalog, public, pg_temp"]
    # The names in these were looked up when they were made.
    assert tables.column(f"select proname::text {ours} and prosqlbody is not null") == ["movie_features"]


def test_only_owner_and_loader_have_temporary_tables(warehouse: Warehouse) -> None:
    may = "select has_database_privilege(:role, current_database(), 'temporary')"
    roles = ("public", "tmdb_reader", "tmdb_loader", "tmdb_owner")
    found = [Tables(warehouse).value(may, role=role) for role in roles]
    assert found == [False, False, True, True]


@pytest.mark.parametrize(
    "arguments",
    [
        "'fact_movie_daily', 'month', null",
        "'fact_movie_daily', 'month', 'infinity'",
        "'fact_movie_daily', 'month', '4714-11-24 BC'",
        "'fact_movie_daily', null, '2030-01-01'",
        "'fact_movie_daily', 'year', '2030-01-01'",
        "'raw_discover', 'month', '2030-01-01'",
        "'dim_movie', 'day', '2030-01-01'",
        "null, 'month', '2030-01-01'",
        "'public.fact_movie_daily', 'month', '2030-01-01'",
        "'fact_movie_daily; drop table dim_movie', 'month', '2030-01-01'",
    ],
)
def test_a_partition_is_made_only_for_valid_arguments(arguments: str, warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("set local role tmdb_loader")
        with pytest.raises(sa.exc.DBAPIError, match=r"has no partitions by|needs a day"):
            connection.exec_driver_sql(f"select ensure_partition({arguments})")


def test_a_loaders_temporary_tables_are_not_mistaken_for_the_warehouses(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("set local role tmdb_loader")
        connection.exec_driver_sql("create temporary table pg_class as select * from pg_catalog.pg_class limit 0")
        connection.exec_driver_sql("create temporary table fact_movie_daily (like public.fact_movie_daily)")
        connection.exec_driver_sql("create temporary table popularity_total (like public.popularity_total)")
        connection.exec_driver_sql("select ensure_partition('fact_movie_daily', 'month', '2030-01-01')")
        connection.exec_driver_sql("select renew_totals()")
        connection.exec_driver_sql("insert into pg_temp.fact_movie_daily values ('2030-01-01', 1, 1, 1, 1, '', now())")
        assert connection.exec_driver_sql("select * from movie_features('2030-01-01', '2030-01-01')").all() == []
    found = "select format('%s.%s', p.relnamespace::regnamespace, p.relname) from pg_inherits as i "
    found += "join pg_catalog.pg_class as p on p.oid = i.inhparent where i.inhrelid = to_regclass(:name)"
    assert Tables(warehouse).column(found, name="public.fact_movie_daily_2030_01") == ["public.fact_movie_daily"]
