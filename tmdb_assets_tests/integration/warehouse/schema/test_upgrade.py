"""A warehouse of the oldest supported commit becomes like a new one; older and newer ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from tmdb_assets.cli import in_process
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema import migrations
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema, view_names
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError, find_version
from tmdb_assets.warehouse.schema.views import VIEWS, view_columns
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.former_schema import NEW, STEP, fill_former, make_former
from tmdb_assets_tests.cases.sound_rows import TABLES, rows_of
from tmdb_assets_tests.oracle.compare import copied_warehouse

CHANGED = {"applied_sql", "schema_version", "fetch_log", "fetch_slice", "popularity_total", "top_movie"}
CHANGED |= {"raw_details", "raw_discover", "dim_movie"}
# What dim_movie held before; the dates of what came later are NULL.
FILMS = (
    "select to_jsonb(m) - '{credits_date,keywords_date,releases_date}'::text[] from dim_movie as m order by movie_id"
)
# A database's catalogue of its tables, without partitions.
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
    "functions": """
        select proname, pg_get_function_result(oid), coalesce(pg_get_function_sqlbody(oid), prosrc), prosecdef,
            proconfig, provolatile, proparallel, obj_description(oid)
        from pg_proc where pronamespace = 'public'::regnamespace
    """,
    "views": """
        select relname, pg_get_viewdef(oid), obj_description(oid) from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'v'
    """,
    "rights": """
        select c.relname, a.grantee::regrole::text, a.privilege_type, c.relowner::regrole::text
        from pg_class as c cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as a
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
        union all
        select p.proname, a.grantee::regrole::text, a.privilege_type, p.proowner::regrole::text
        from pg_proc as p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace = 'public'::regnamespace
    """,
    "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
}


@pytest.fixture
def engine(database: sa.URL) -> sa.Engine:
    """An engine on an empty database, without a schema."""
    made = sa.create_engine(database, poolclass=sa.NullPool)
    yield made
    made.dispose()


@pytest.fixture
def former(engine: sa.Engine) -> sa.Engine:
    """An engine on a database of the oldest commit, with a row or two in every table."""
    with engine.begin() as connection:
        make_former(connection)
        fill_former(connection)
    return engine


def catalogue_of(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            what: sorted((tuple(row) for row in connection.execute(sa.text(query))), key=repr)
            for what, query in CATALOGUE.items()
        }


def contents_of(engine: sa.Engine, tables: list[str]) -> dict[str, list[str]]:
    """Every row as JSON, so that the order of columns does not matter."""
    with engine.connect() as connection:
        query = "select to_jsonb(t)::text from {} as t order by 1"
        return {name: list(connection.scalars(sa.text(query.format(name)))) for name in tables}


def upgrade_fully(engine: sa.Engine) -> None:
    """Upgrade schema and views, as `tmdb-assets migrate` does."""
    ensure_schema(engine)
    with engine.begin() as connection:
        for name in view_names():
            apply_view(connection, name)


@pytest.mark.parametrize("has_roles", [False, True], ids=["without-roles", "with-roles"])
def test_a_former_warehouse_becomes_what_a_new_one_is_and_keeps_its_rows(
    has_roles: bool, former: sa.Engine, server: Server
) -> None:
    with copied_warehouse(server) as warehouse:
        if has_roles:
            apply_roles(warehouse.engine, Settings.load(), is_embedded=True)
        upgrade_fully(warehouse.engine)
        new = catalogue_of(warehouse.engine)
    if has_roles:
        apply_roles(former, Settings.load(), is_embedded=True)
        with former.begin() as connection:
            ours = "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
            for signature in connection.scalars(sa.text(ours)).all():
                connection.exec_driver_sql(f"alter function {signature} owner to tmdb_owner")
            connection.exec_driver_sql("alter table latest_change owner to tmdb_owner")
            connection.exec_driver_sql("grant execute on function popularity_totals(text) to tmdb_reader")
    with former.connect() as connection:
        tables = sorted(set(sa.inspect(connection).get_table_names()) & TABLES.keys() - CHANGED - NEW)
        assert find_version(connection) == STEP
        films = connection.exec_driver_sql(FILMS).all()
    before = contents_of(former, tables)
    assert sum(map(len, before.values())) >= 2 * len(tables) - 2
    was = catalogue_of(former)
    assert [what for what in new if was[what] == new[what]] == []

    upgrade_fully(former)
    assert catalogue_of(former) == new
    assert contents_of(former, tables) == before
    with former.begin() as connection:
        assert connection.exec_driver_sql("select version_num from schema_version").all() == [(HEAD,)]
        assert connection.exec_driver_sql(FILMS).all() == films != []
        kept, counted = (
            connection.exec_driver_sql(f"select * from {totals} order by 1, 2").all()
            for totals in ("popularity_total", "count_totals()")
        )
        assert kept == counted
    upgrade_fully(former)
    assert catalogue_of(former) == new


@pytest.mark.parametrize("table", ["raw_details", "raw_discover"])
def test_a_former_raw_row_fetched_on_another_day_is_moved_to_the_rejected_ones(former: sa.Engine, table: str) -> None:
    with former.begin() as connection:
        connection.exec_driver_sql(f"update {table} set fetched_at = '2026-07-02 23:59:59-01' where movie_id = 1")
        connection.exec_driver_sql(
            "insert into fetch_log (snapshot_date, kind, part, started_at, request_count, row_count) "
            f"values ('2026-07-02', '{table[4:]}', 'all', '2026-07-02 12:00+00', 1, 1)"  # began again since
        )
    ensure_schema(former)
    with former.connect() as connection:
        kept = connection.exec_driver_sql(f"select movie_id, crawl_number from {table}").all()
        rejected = connection.exec_driver_sql(
            "select table_name, snapshot_date::text, payload ->> 'movie_id', reasons -> 0 ->> 'rule' from rejected_row "
            f"where table_name = '{table}'"
        ).all()
    assert kept == [(2, 0)]
    assert rejected == [(table, "2026-07-01", "1", "fetched_at on day snapshot_date")]


def test_views_and_grants_of_others_are_kept(former: sa.Engine) -> None:
    name = f'"{former.url.database} guest"'
    with former.begin() as connection:
        connection.exec_driver_sql(f"create role {name}; grant select on vw_top_movies, fetch_log to {name}")
        connection.exec_driver_sql("create view my_top_ten as select * from vw_top_movies where rank <= 10")
    try:
        upgrade_fully(former)
        with former.begin() as connection:
            connection.exec_driver_sql(f"set local role {name}")
            connection.exec_driver_sql("select * from vw_top_movies").all()
            connection.exec_driver_sql("select * from fetch_log").all()
            connection.exec_driver_sql("reset role")
            connection.exec_driver_sql("select * from my_top_ten").all()
    finally:
        with former.begin() as connection:
            connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def test_views_that_gain_columns_keep_the_former_ones_and_the_views_of_others(former: sa.Engine) -> None:
    """As the release before had them: readers' views are made of these columns, in this order."""
    had = {"vw_genre_popularity": 5, "vw_continent_popularity": 4, "vw_trending_movies": 12}
    with former.begin() as connection:
        for view in (view for view in VIEWS if view.name in had):
            columns = ", ".join(f"null::{kind} as {name}" for name, kind, _ in view.columns[: had[view.name]])
            connection.exec_driver_sql(f"drop view if exists {view.name}; create view {view.name} as select {columns}")
            connection.exec_driver_sql(f"create view my_{view.name} as select * from {view.name}")
    upgrade_fully(former)
    with former.begin() as connection:
        for name, number in had.items():
            mine, ours = ([column.name for column in view_columns(connection, view)] for view in (f"my_{name}", name))
            assert (mine, len(mine)) == (ours[:number], number)
            assert len(ours) > number
            connection.exec_driver_sql(f"select * from my_{name}").all()


def test_a_view_of_others_in_the_way_is_named(former: sa.Engine) -> None:
    with former.begin() as connection:
        connection.exec_driver_sql("create view mine as select part from fetch_log")
    before = catalogue_of(former)
    with pytest.raises(SchemaMismatchError, match=r"view mine depends .*Nothing was changed. Drop them"):
        ensure_schema(former)
    assert catalogue_of(former) == before


def test_a_step_that_fails_changes_nothing(former: sa.Engine) -> None:
    with former.begin() as connection:
        connection.exec_driver_sql("create table fetch_slice (id integer)")
    before = catalogue_of(former)
    with pytest.raises(sa.exc.ProgrammingError, match="fetch_slice"):
        ensure_schema(former)
    assert catalogue_of(former) == before
    with former.begin() as connection:
        connection.exec_driver_sql("drop table fetch_slice")
    ensure_schema(former)
    with former.connect() as connection:
        assert find_version(connection) == HEAD


def test_two_that_start_at_once_upgrade_it_once(former: sa.Engine) -> None:
    starters: list[Callable[[], None]] = [lambda: ensure_schema(former)] * 4
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(start) for start in starters]:
            done.result()
    with former.connect() as connection:
        assert find_version(connection) == HEAD
        assert connection.exec_driver_sql("select count(*) from raw_details").scalar_one() == 2


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ("update schema_version set version_num = '0001'", "0001"),
        ("update schema_version set version_num = '0002'", "0002"),
        ("drop table schema_version", "none"),
        ("delete from schema_version", "none"),
    ],
)
def test_an_older_warehouse_is_refused_in_one_line_and_unchanged(change: str, version: str, former: sa.Engine) -> None:
    with former.begin() as connection:
        connection.exec_driver_sql(change)
    before = catalogue_of(former), contents_of(former, ["fetch_log", "dim_movie"])
    with pytest.raises(SchemaMismatchError) as raised:
        ensure_schema(former)
    said = str(raised.value)
    assert f"its schema is at step {version}, and this release upgrades databases from step 0003" in said
    assert "Nothing was changed. Run tmdb-assets migrate of commit 57e0d79 first, or name a new database" in said
    assert "\n" not in said
    assert (catalogue_of(former), contents_of(former, ["fetch_log", "dim_movie"])) == before


def test_a_newer_warehouse_is_refused_in_one_line_and_unchanged(warehouse: Warehouse) -> None:
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
    monkeypatch.setattr(in_process, "Warehouse", lambda settings: Warehouse(url=warehouse.url))
    monkeypatch.setattr(in_process.DagsterInstance, "get", lambda: pytest.fail("a run's storage was opened"))
    with (
        pytest.raises(SchemaMismatchError, match="its schema is at 9999"),
        in_process.Platform.open(LogProgress()),
    ):
        pytest.fail("a run could begin")


def test_the_newest_step_is_the_one_declared() -> None:
    assert ScriptDirectory(Path(migrations.__file__).parent).get_heads() == [HEAD]
