"""Attacks by roles with few rights: each is carried out, and must gain nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.cli import maintenance
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server import open as opening
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.oracle.compare import Tables

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

# What an owner can leave for a superuser to run, wherever a session that uses the tables may call it.
BY_WHAT_THE_OWNER_OWNS = (
    "set role tmdb_owner",
    """
    create function public.gain() returns void language plpgsql as $gain$
    begin
        perform set_config('role', 'none', true);
        alter role {login} superuser;
    exception when insufficient_privilege then null;
    end
    $gain$
    """,
    "create function public.spring() returns trigger language plpgsql as "
    "$f$ begin perform public.gain(); return new; end $f$",
    *(
        f"create trigger spring before insert or update on {table} for each row execute function public.spring()"
        for table in ("applied_sql", "schema_version", "popularity_total", "top_movie", "load_day", "dim_movie")
    ),
    "create or replace function public.renew_totals() returns void language sql as 'select public.gain()'",
    "create or replace function public.ensure_partition(parent text, unit text, day date) returns void language sql "
    "as 'select public.gain()'",
    "create function public.grant_privileges() returns void language sql as 'select public.gain()'",
    # Postgres prefers it to its own for a column of type name.
    "create function public.starts_with(name, text) returns boolean language plpgsql as "
    "$f$ begin perform public.gain(); return false; end $f$",
    "update applied_sql set sha256 = 'of another release'",
    "drop view if exists vw_load_status",
)


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Warehouse:
    """A warehouse with its roles made."""
    apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
    return warehouse


def log_in(warehouse: Warehouse, role: str) -> Iterator[sa.URL]:
    """The address of a log-in that is a member of the role and nothing else."""
    name = f"member_of_{role}_{warehouse.url.database}"
    tables = Tables(warehouse)
    tables.execute(f"create role {name} login password 'x' in role {role}")
    yield warehouse.url.set(username=name, password="x")
    tables.execute(f"alter role {name} nosuperuser; drop owned by {name}; drop role {name}")


@pytest.fixture
def owner(warehouse: Warehouse) -> Iterator[sa.URL]:
    yield from log_in(warehouse, "tmdb_owner")


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[sa.URL]:
    yield from log_in(warehouse, "tmdb_reader")


def try_each(url: sa.URL, statements: tuple[str, ...]) -> list[type[Exception] | None]:
    """Run every statement, even after failures; return each one's error."""
    refusals: list[type[Exception] | None] = []
    with psycopg.connect(render_url(url), autocommit=True) as connection:
        for statement in statements:
            try:
                connection.execute(statement.replace("{login}", str(url.username)))
                refusals.append(None)
            except psycopg.Error as error:
                refusals.append(type(error))
    return refusals


def is_superuser(warehouse: Warehouse, url: sa.URL) -> bool:
    return bool(Tables(warehouse).value("select rolsuper from pg_roles where rolname = :name", name=url.username))


def test_a_reader_becomes_neither_owner_nor_superuser_by_a_temporary_view(warehouse: Warehouse, reader: sa.URL) -> None:
    refusals = try_each(reader, BY_A_TEMPORARY_VIEW)
    apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
    assert not is_superuser(warehouse, reader)
    assert None not in refusals[1:]  # not even its first step is possible
    assert Tables(warehouse).value("select to_regprocedure('grant_privileges()')::text") is None


@pytest.fixture
def migrate(server: Server, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What `tmdb-assets migrate --roles` does on an external server, as its superuser."""
    external = Server(warehouse.url, server.storage_url, is_embedded=False, bin_dir=server.bin_dir)
    monkeypatch.setattr(opening, "open_server", lambda _: external)
    monkeypatch.setattr(maintenance, "get_settings", lambda: SETTINGS)
    return lambda: maintenance.migrate.callback(roles=True)


def test_an_owner_does_not_become_superuser_by_the_next_migration(
    warehouse: Warehouse, owner: sa.URL, migrate: Callable[[], None]
) -> None:
    assert set(try_each(owner, BY_WHAT_THE_OWNER_OWNS)) == {None}
    with suppress(sa.exc.DBAPIError, SystemExit):  # it need not succeed on such tables
        migrate()
    assert not is_superuser(warehouse, owner)


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
    paths = tables.column(f"select distinct array_to_string(proconfig, ',') {ours}")
    assert paths == ["search_path=pg_catalog, public, pg_temp"]


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
    found = "select format('%s.%s', p.relnamespace::regnamespace, p.relname) from pg_inherits as i "
    found += "join pg_catalog.pg_class as p on p.oid = i.inhparent where i.inhrelid = to_regclass(:name)"
    assert Tables(warehouse).column(found, name="public.fact_movie_daily_2030_01") == ["public.fact_movie_daily"]
