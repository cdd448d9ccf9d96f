"""Warehouses of earlier releases, with rows in them, become what a new one is; of a newer release they are refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import insert

from tmdb_assets.cli import in_process
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.warehouse.schema import migrations
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError, find_version
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import DAY, TABLES, rows_of, sound_row
from tmdb_assets_tests.oracle.compare import copied_warehouse

STEPS = Path(migrations.__file__).parent
EARLIER = ["0001", "0002"]
# What a database says of its tables: columns, constraints and indexes, partitions left out.
CATALOGUE = {
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    """,
    "constraints": """
        select c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated
        from pg_constraint as k join pg_class as c on c.oid = k.conrelid
        where c.relnamespace = 'public'::regnamespace and not c.relispartition and k.contype <> 'n'
    """,
    "indexes": """
        select c.relname, pg_get_indexdef(i.indexrelid) from pg_index as i join pg_class as c on c.oid = i.indrelid
        where c.relnamespace = 'public'::regnamespace and not c.relispartition
    """,
    "tables": """
        select c.relname, c.relkind, pg_get_partkeydef(c.oid), obj_description(c.oid),
            c.reloptions::text
        from pg_class as c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and not c.relispartition
    """,
    "functions": "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace",
    "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
}


def config(connection: sa.Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(STEPS))
    made.attributes["connection"] = connection
    return made


@pytest.fixture
def engine(database: sa.URL) -> sa.Engine:
    """An engine on an empty database, without a schema."""
    made = sa.create_engine(database, poolclass=sa.NullPool)
    yield made
    made.dispose()


def make_earlier(engine: sa.Engine, version: str) -> None:
    """A database as that release left it, with a row or two in every table; it notes no version."""
    with engine.begin() as connection:
        command.upgrade(config(connection), version)
        connection.exec_driver_sql("drop table schema_version")
        day = f"{DAY:%Y_%m}", DAY.replace(day=1), (DAY.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        connection.exec_driver_sql(
            "create table fact_movie_daily_{} partition of fact_movie_daily for values from ('{}') to ('{}')".format(
                *day
            )
        )
        connection.exec_driver_sql("set local session_replication_role = replica")
        names = set(sa.inspect(connection).get_table_names())
        for name, table in TABLES.items():
            if name in names and name not in {"applied_sql", "schema_version", "fetch_log"}:
                known = {column["name"] for column in sa.inspect(connection).get_columns(name)}
                for number in range(2):
                    row = {key: value for key, value in sound_row(table, number).items() if key in known}
                    connection.execute(insert(table).values(row))


def catalogue_of(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            what: sorted((tuple(row) for row in connection.execute(sa.text(query))), key=repr)
            for what, query in CATALOGUE.items()
        }


def contents_of(engine: sa.Engine, tables: list[str]) -> dict[str, list[str]]:
    """Every row as JSON, so that the columns' order does not count."""
    with engine.connect() as connection:
        query = "select to_jsonb(t)::text from {} as t order by 1"
        return {name: list(connection.scalars(sa.text(query.format(name)))) for name in tables}


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_warehouse_becomes_what_a_new_one_is_and_keeps_its_rows(
    version: str, engine: sa.Engine, server: Server
) -> None:
    make_earlier(engine, version)
    with engine.connect() as connection:
        tables = sorted(set(sa.inspect(connection).get_table_names()) & set(TABLES) - {"applied_sql", "fetch_log"})
        assert find_version(connection) == version
    before = contents_of(engine, tables)
    assert sum(map(len, before.values())) >= 2 * len(tables) - 2
    with copied_warehouse(server) as warehouse:
        new = catalogue_of(warehouse.engine)
    assert catalogue_of(engine) != new

    ensure_schema(engine)
    assert catalogue_of(engine) == new
    assert contents_of(engine, tables) == before
    with engine.begin() as connection:
        assert connection.exec_driver_sql("select version_num from schema_version").all() == [(HEAD,)]
        # What the release before refused.
        connection.exec_driver_sql("insert into fetch_log values ('2026-07-01', 'export', now(), now(), 0, 0)")
    ensure_schema(engine)
    assert catalogue_of(engine) == new


RIGHTS = """
select c.relname, c.relowner::regrole::text, a.attname, g.grantee::regrole::text, g.privilege_type, g.is_grantable
from pg_class as c
cross join lateral (
    select null as attname, c.relacl as acl
    union all
    select t.attname, t.attacl from pg_attribute as t where t.attrelid = c.oid
) as a
left join lateral aclexplode(a.acl) as g on true
where c.relname in ('raw_discover', 'raw_details', 'raw_export') and (a.attname is null or g.grantee is not null)
"""


def test_owner_and_grants_of_ones_own_stay_when_an_administrator_upgrades(engine: sa.Engine) -> None:
    make_earlier(engine, "0002")
    owner, reader = (f'"{engine.url.database} {role}"' for role in ("owner", "reader"))
    with engine.begin() as connection:
        for statement in (
            f"create role {owner}; create role {reader}; grant usage, create on schema public to {owner}",
            *(f"alter table {name} owner to {owner}" for name in sa.inspect(connection).get_table_names()),
            f"grant select on raw_details to {reader} with grant option; grant insert on raw_discover to public",
            f"grant update (payload), references (movie_id) on raw_discover to {reader}",
        ):
            connection.exec_driver_sql(statement)
        before = set(connection.execute(sa.text(RIGHTS)).all())
    try:
        assert len(before) >= 12
        ensure_schema(engine)
        with engine.begin() as connection:
            assert set(connection.execute(sa.text(RIGHTS)).all()) == before
            others = (
                "select relname from pg_class where relnamespace = 'public'::regnamespace and relowner <> '{}'::regrole"
            )
            assert connection.scalars(sa.text(others.format(owner))).all() == []  # partitions and new tables too
            connection.exec_driver_sql(f"set local role {reader}")
            assert connection.scalar(sa.text("select count(*) from raw_details")) == 2
            connection.exec_driver_sql(f"set local role {owner}")
            connection.exec_driver_sql("select ensure_partition('raw_details', 'day', '2026-09-01')")
            connection.exec_driver_sql("select drop_raw_partitions('2026-09-02')")
            assert connection.scalar(sa.text("select count(*) from raw_details")) == 0
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"drop owned by {owner}, {reader}; drop role {owner}, {reader}")


def test_a_step_that_fails_leaves_the_database_as_it_was(engine: sa.Engine) -> None:
    make_earlier(engine, "0001")
    with engine.begin() as connection:  # in the way of the third step, after two that went well
        connection.exec_driver_sql("create table unpartitioned (id integer)")
    before = catalogue_of(engine)
    with pytest.raises(sa.exc.ProgrammingError, match="unpartitioned"):
        ensure_schema(engine)
    assert catalogue_of(engine) == before
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table unpartitioned")
    ensure_schema(engine)
    with engine.connect() as connection:
        assert find_version(connection) == HEAD


def test_a_view_of_the_users_own_in_the_way_is_named(engine: sa.Engine) -> None:
    make_earlier(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql("create view mine as select * from raw_details")
    before = catalogue_of(engine)
    with pytest.raises(SchemaMismatchError, match=r"view mine depends .*Nothing was changed. Drop them"):
        ensure_schema(engine)
    assert catalogue_of(engine) == before


def test_two_that_start_at_once_upgrade_it_once(engine: sa.Engine) -> None:
    make_earlier(engine, "0001")
    starters: list[Callable[[], None]] = [lambda: ensure_schema(engine)] * 4
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(start) for start in starters]:
            done.result()
    with engine.connect() as connection:
        assert find_version(connection) == HEAD
        assert connection.exec_driver_sql("select count(*) from raw_details").scalar_one() == 2


def test_a_newer_warehouse_is_refused_in_one_line_and_left_alone(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("update schema_version set version_num = '9999'")
        connection.exec_driver_sql("update applied_sql set sha256 = 'of a newer version'")
    before = catalogue_of(warehouse.engine), rows_of(warehouse, "select name, sha256 from applied_sql")
    with pytest.raises(SchemaMismatchError) as raised:
        ensure_schema(warehouse.engine)
    assert "newer tmdb-assets: its schema is at 9999" in str(raised.value)
    assert f"this release knows {HEAD}" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (catalogue_of(warehouse.engine), rows_of(warehouse, "select name, sha256 from applied_sql")) == before


def test_on_a_newer_warehouse_no_run_begins(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("update schema_version set version_num = '9999'")
        connection.exec_driver_sql("update applied_sql set sha256 = 'of a newer version'")
    monkeypatch.setattr(in_process, "Warehouse", lambda: Warehouse(url=warehouse.url))
    monkeypatch.setattr(in_process.DagsterInstance, "get", lambda: pytest.fail("a run's storage was opened"))
    with (
        pytest.raises(SchemaMismatchError, match="its schema is at 9999"),
        in_process.Platform.open(LogProgress()),
    ):
        pytest.fail("a run could begin")


def test_the_newest_step_is_the_one_declared(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_heads() == [HEAD]
