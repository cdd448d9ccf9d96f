"""The three roles: a reader reads what is meant for readers, a loader loads whole days, an owner upgrades."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse import warehouse as warehouse_module
from tmdb_assets.warehouse.ledger import fetch_lock
from tmdb_assets.warehouse.ledger.fetch_lock import FETCH_LOCK
from tmdb_assets.warehouse.retention import drop_old_raw
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_partition, ensure_schema
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.roles import LOADER, apply_roles, are_made
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.urls import READER, reader_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.cases.sound_rows import TABLES
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse, fresh_database, state_of
from tmdb_assets_tests.stage.at_once import together
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.postgres import connect

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(20))
PASSWORD = "a word that passes"
SETTINGS = Settings.load(warehouse_reader_password=PASSWORD)
FOR_READERS = sorted(name for name, table in TABLES.items() if table.info["for_readers"])


@pytest.fixture
def warehouse(server, loaded_database) -> Iterator[Warehouse]:
    """A warehouse with a day in it and its roles made."""
    with copied_warehouse(server, loaded_database) as made:
        apply_roles(made.engine, SETTINGS, is_embedded=True)
        yield made


@pytest.fixture
def login(warehouse: Warehouse) -> Iterator[sa.URL]:
    """The address of a log-in that is a loader and nothing else."""
    name = f"loader_of_{warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"create role {name} login in role tmdb_loader")
    yield warehouse.url.set(username=name)
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def as_reader(warehouse: Warehouse) -> psycopg.Connection:
    url = reader_url(warehouse.url, SETTINGS)
    assert url.username == READER
    return psycopg.connect(
        host=url.query["host"], port=url.query["port"], dbname=url.database, user=url.username, password=url.password
    )


def names_of(warehouse: Warehouse, kinds: str) -> list[str]:
    query = f"select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ({kinds})"
    return sorted(Tables(warehouse).column(query))


def test_a_reader_reads_dimensions_bridges_fact_and_views_and_nothing_else(warehouse: Warehouse) -> None:
    views = names_of(warehouse, "'v'")
    assert "vw_top_movies" in views
    readable = set()
    with as_reader(warehouse) as connection:
        for name in names_of(warehouse, "'r', 'p', 'v'"):  # partitions too
            try:
                with connection.transaction():
                    connection.execute(f"select * from {name} limit 1")
                readable.add(name)
            except InsufficientPrivilege:
                pass
        assert connection.execute("select count(*) from vw_top_movies").fetchone() == (20,)
        assert connection.execute("select count(*), max(date_id) from fact_movie_daily").fetchone() == (20, DAY)
    assert readable == {*FOR_READERS, *views}


@pytest.mark.parametrize(
    "statement",
    [
        "update dim_movie set title = 'x'",
        "delete from fact_movie_daily",
        "insert into dim_genre (genre_id, name, as_of_date) values (1, 'x', now())",
        "truncate dim_movie",
        "create table mine (id integer)",
        "drop view vw_top_movies",
        "select ensure_partition('fact_movie_daily', 'month', '2030-01-01')",
        "select drop_raw_partitions('2030-01-01')",
        "select renew_totals()",
        "create temporary table mine (id integer)",
        "create temporary view changed_rows as select 1 as one",
        "set role tmdb_owner",
        "select lo_create(0)",
        "select lo_creat(-1)",
        "select lo_from_bytea(0, 'x')",
        "select lo_unlink(1)",
        "select pg_logical_emit_message(false, 'x', 'y')",
        "lock table fact_movie_daily in row exclusive mode",
        "lock table vw_top_movies in share mode",
        "lock table fetch_turn in access share mode",
        "select movie_id from dim_movie for share",
    ],
)
def test_a_reader_changes_nothing(statement: str, warehouse: Warehouse) -> None:
    before = state_of(Tables(warehouse))
    with as_reader(warehouse) as connection:
        with pytest.raises((InsufficientPrivilege, ReadOnlySqlTransaction)), connection.transaction():
            connection.execute(statement)
        connection.execute("set default_transaction_read_only = off")  # a habit that a reader may change, not a right
        connection.commit()
        with pytest.raises(InsufficientPrivilege), connection.transaction():
            connection.execute(statement)
    assert state_of(Tables(warehouse)) == before


def test_a_password_appears_nowhere_in_the_database_and_a_loader_with_one_has_dagsters_storage(
    server, warehouse: Warehouse
) -> None:
    with fresh_database(server) as storage:
        settings = Settings.load(warehouse_loader_password=PASSWORD, warehouse_reader_password=PASSWORD)
        with connect(storage) as first_run:
            first_run.execute("create table runs (id serial primary key)")
        apply_roles(warehouse.engine, settings, is_embedded=False, storage_database=storage.database)
        roles = "select rolpassword, rolcanlogin, rolsuper or rolcreatedb or rolcreaterole from pg_authid"
        for name in (LOADER, READER):
            secret, may_log_in, may_more = Tables(warehouse).rows(f"{roles} where rolname = :name", name=name)[0]
            assert secret.startswith("SCRAM-SHA-256$")
            assert PASSWORD not in secret
            assert (may_log_in, may_more) == (True, False)
        owner = "select pg_get_userbyid(datdba)::text from pg_database where datname = :name"
        assert Tables(warehouse).value(owner, name=storage.database) == LOADER
        with connect(storage.set(username=LOADER, password=PASSWORD)) as later_run:
            later_run.execute("insert into runs default values")
            later_run.execute("alter table runs add status text")


def test_a_loader_loads_whole_days_without_owning_a_table_whatever_a_reader_locks(
    warehouse: Warehouse, login: sa.URL, monkeypatch
) -> None:
    made = Warehouse(url=login)
    with closing(as_reader(warehouse)) as reader, platform(made, CATALOGUE, monkeypatch) as graph:
        for name in (*FOR_READERS, *names_of(warehouse, "'v'")):  # in a transaction that stays open
            reader.execute(f"lock table {name} in access share mode")
        for lock in (7_308_332_003, 7_308_332_004):  # of the totals and of alerts in former releases
            reader.execute("select pg_advisory_lock(%s)", [lock])
        monkeypatch.setattr(warehouse_module, "LOCK_TIMEOUT", "5s")
        for day in (DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=3)):  # the second in a new month
            assert failures_of(graph.run(day, charts=False)) == []
        assert graph.value("select count(*) from fact_movie_daily") == 60
        assert len(drop_old_raw(made, DAY + dt.timedelta(days=181)).partitions) == 3
    owned = "select count(*) from pg_class as c join pg_roles as r on r.oid = c.relowner where r.rolname = :name"
    assert Tables(warehouse).value(owned, name=login.username) == 0
    made.close()


def test_a_reader_that_holds_the_lock_for_requests_is_ended_or_named(
    warehouse: Warehouse, login: sa.URL, monkeypatch
) -> None:
    loader, said = Warehouse(url=login), []
    _ = loader.engine
    take = "select pg_backend_pid() from pg_advisory_lock(%s)"
    with closing(as_reader(warehouse)) as reader:
        (pid,) = reader.execute(take, [FETCH_LOCK]).fetchone()
        with loader.fetch_lock(said.append):
            pass
        with pytest.raises(psycopg.OperationalError):
            reader.execute("select 1")
    assert said == [
        f"The lock for requests to TMDb was held by the role tmdb_reader (session {pid}), which may not load days: its "
        "session was ended."
    ]
    name = f"anna_of_{warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"create role {name} login in role tmdb_reader")
    with connect(warehouse.url.set(username=name)) as anna:
        (pid,) = anna.execute(take, [FETCH_LOCK]).fetchone()
        monkeypatch.setattr(fetch_lock, "WAIT", "50ms")
        with pytest.raises(WarehouseUnavailableError) as caught, loader.fetch_lock(said.append):
            pytest.fail("two hold the lock")
        monkeypatch.undo()
    (line,) = said[1:]
    assert line.endswith(f"by the role {name} (session {pid}), which may not load days. Waiting for 50ms at most.")
    assert f"is held by the role {name} (session {pid}), which may not load days" in str(caught.value)
    assert f"select pg_terminate_backend({pid});" in str(caught.value)
    with loader.fetch_lock(said.append):
        pass
    loader.close()
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"drop role {name}")


def test_a_loader_may_not_upgrade_and_the_error_says_who_may(warehouse: Warehouse, login: sa.URL) -> None:
    tables = Tables(warehouse)
    tables.execute("update applied_sql set sha256 = 'of another release'")
    made = Warehouse(url=login)
    with pytest.raises(SchemaMismatchError, match=r"may not change it .*Run tmdb-assets migrate as the tables' owner"):
        made.engine.connect()
    made.close()
    assert set(tables.column("select sha256 from applied_sql")) == {"of another release"}


def test_what_is_made_later_is_the_owners_and_granted_like_the_rest(warehouse: Warehouse) -> None:
    ensure_partition(warehouse.engine, fact_movie_daily, dt.date(2030, 1, 1))
    with warehouse.begin() as connection:
        connection.exec_driver_sql("drop view vw_top_movies")
        assert apply_view(connection, "vw_top_movies")
        connection.exec_driver_sql(
            "drop table load_day cascade; update applied_sql set sha256 = '' where name = 'schema'"
        )
    ensure_schema(warehouse.engine)
    owners = (
        "select distinct r.rolname::text from pg_class as c join pg_roles as r on r.oid = c.relowner "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')"
    )
    assert Tables(warehouse).column(owners) == ["tmdb_owner"]
    with as_reader(warehouse) as connection:
        assert connection.execute("select count(*) from fact_movie_daily").fetchone() == (20,)
        with pytest.raises(InsufficientPrivilege):
            connection.execute("select count(*) from load_day")


def test_what_others_made_in_the_schema_stays_theirs(warehouse: Warehouse) -> None:
    name = f"anna_of_{warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(
            f"create role {name}; grant create on schema public to {name}; set local role {name}"
        )
        connection.exec_driver_sql("create table dim_annas_salaries (id integer); create table later (id integer)")
        connection.exec_driver_sql("set local role none; update applied_sql set sha256 = ''")
    apply_roles(warehouse.engine, SETTINGS, is_embedded=True)
    ensure_schema(warehouse.engine)
    owner = "select pg_get_userbyid(relowner)::text, relacl is null from pg_class where relname = :name"
    for table in ("dim_annas_salaries", "later"):
        assert Tables(warehouse).rows(owner, name=table) == [(name, True)]
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def test_the_owner_of_a_database_makes_the_roles_without_being_superuser(server, warehouse: Warehouse) -> None:
    name = f"owner_of_{warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"create role {name} login createrole")
        for role in ("tmdb_owner", "tmdb_loader", "tmdb_reader"):  # as one who made them is
            admin = (
                "with admin true, inherit false, set false" if connection.dialect.server_version_info >= (16,) else ""
            )
            connection.exec_driver_sql(f"grant {role} to {name} {admin}")
    with fresh_database(server) as url:
        with sa.create_engine(server.url, isolation_level="AUTOCOMMIT").connect() as admin_connection:
            admin_connection.exec_driver_sql(f"alter database {url.database} owner to {name}")
        made = Warehouse(url=url.set(username=name))
        apply_roles(made.engine, Settings.load(), is_embedded=False)
        assert are_made(made.engine)
        with made.begin() as connection:
            assert apply_view(connection, "vw_top_movies")
        made.close()
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def test_roles_are_made_by_four_commands_at_once_for_one_database_and_for_another(server, warehouse: Warehouse) -> None:
    with fresh_database(server) as url:
        other = Warehouse(url=url)
        engines = [warehouse.engine, warehouse.engine, warehouse.engine, other.engine]
        for _ in range(5):
            together(*[partial(apply_roles, engine, SETTINGS, is_embedded=True) for engine in engines])
        assert are_made(other.engine)
        other.close()


def test_a_role_that_may_not_make_roles_gets_advice(warehouse: Warehouse, login: sa.URL) -> None:
    made = Warehouse(url=login)
    with pytest.raises(
        WarehouseUnavailableError, match=r"may not make the roles .*Ask an administrator to run sql/roles"
    ):
        apply_roles(made.engine, SETTINGS, is_embedded=False)
    made.close()


def test_the_readers_address_is_used_where_it_can_log_in() -> None:
    given = sa.make_url("postgresql+psycopg://boss:secret@db.example/tmdb")
    external = {"warehouse_url": "postgresql://boss:secret@db.example/tmdb"}
    assert reader_url(given, Settings.load(**external)) == given
    with_password = reader_url(given, Settings.load(**external, warehouse_reader_password=PASSWORD))
    assert (with_password.username, with_password.password) == (READER, PASSWORD)
    assert reader_url(given, Settings.load()).username == READER
