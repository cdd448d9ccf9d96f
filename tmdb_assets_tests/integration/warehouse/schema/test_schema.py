"""The declared schema in a live database: constraints that agree with the contracts, views, months, comments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert

from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.loading.contracts import validate
from tmdb_assets.warehouse.schema import ddl
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_partition, ensure_schema
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError
from tmdb_assets.warehouse.schema.views import VIEWS as DECLARED_VIEWS
from tmdb_assets.warehouse.schema.vocabulary import LARGEST, Rule, key_columns, metadata
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import (
    DAY,
    TABLES,
    as_frame,
    frame_column_list,
    rows_of,
    rules_of,
    sound_row,
    values_beyond,
    values_within,
)
from tmdb_assets_tests.oracle.compare import copied_warehouse

VIEWS = sorted(path.stem for path in (ddl.SQL_DIR / "views").glob("*.sql"))
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
# The largest and smallest numbers of the SQL types that are narrower than a contract's "integer".
NARROW = {sa.SmallInteger: 2**15 - 1, sa.Integer: 2**31 - 1}


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Warehouse]:
    """A database for tests that leave no changes."""
    with copied_warehouse(server) as made:
        yield made


@pytest.fixture
def connection(shared: Warehouse) -> Iterator[sa.Connection]:
    """A transaction without foreign keys that is rolled back."""
    with shared.engine.connect() as made:
        made.exec_driver_sql("set session_replication_role = replica")
        for table in TABLES.values():
            if table.info["partition_unit"]:
                for day in (DAY, DAY + dt.timedelta(days=1)):
                    ensure_partition(shared.engine, table, day)
        yield made
        made.rollback()
        made.exec_driver_sql("set session_replication_role = origin")


def rules_on(col: sa.Column[Any]) -> list[Rule]:
    """The rules of a column without the limit of its SQL type, which needs no constraint."""
    return [rule for rule in col.info["rules"] if rule.argument != LARGEST.get(type(col.type))]


def refusal(connection: sa.Connection, table: sa.Table, row: Row) -> Exception | None:
    """The error with which Postgres refuses a row; None if it accepts it."""
    values = {name: sa.null() if value is None else value for name, value in row.items()}
    savepoint = connection.begin_nested()
    try:
        connection.execute(insert(table).values(values))
    except sa.exc.DBAPIError as error:
        return error.orig
    finally:
        savepoint.rollback()
    return None


def is_rejected(table: sa.Table, row: Row) -> bool:
    return bool(validate(table, as_frame(table, [row])).rejected)


@every_table
def test_check_constraints_agree_with_the_contract(table: sa.Table, connection: sa.Connection) -> None:
    assert refusal(connection, table, sound_row(table, 0)) is None
    for col, rule in rules_of(table):
        for value in values_within(col, rule):
            row = sound_row(table, 0, **{col.name: value})
            assert refusal(connection, table, row) is None, (col.name, value)
            assert not is_rejected(table, row), (col.name, value)
        for value in values_beyond(col, rule):
            row = sound_row(table, 0, **{col.name: value})
            error = refusal(connection, table, row)
            if rule.argument == NARROW.get(type(col.type)):  # the type enforces it, without a CHECK
                assert isinstance(error, errors.NumericValueOutOfRange), (col.name, value)
            else:
                assert isinstance(error, errors.CheckViolation), (col.name, value)
                assert error.diag.constraint_name == f"ck_{table.name}_{col.name}_{rule.name}"
            assert is_rejected(table, row), (col.name, value)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_postgres_has_a_constraint_for_every_rule_which_tells_values_apart(
    table: sa.Table, connection: sa.Connection
) -> None:
    """Also for tables and columns that no frame carries: the stored condition is tried with values on both sides."""
    rules = {f"ck_{table.name}_{col.name}_{rule.name}": (col, rule) for col in table.columns for rule in rules_on(col)}
    stored = sa.text(
        "select conname, pg_get_expr(conbin, conrelid) from pg_constraint "
        "where contype = 'c' and conrelid = cast(:name as regclass)"
    )
    conditions = dict(map(tuple, connection.execute(stored, {"name": table.name})))
    across = {"valid_to", "confirmed_dates", "is_removed"} if table.name == "movie_history" else set()  # tried there
    assert set(conditions) == set(rules) | {f"ck_{table.name}_{name}" for name in across}
    for name, (col, rule) in rules.items():
        value = f"select cast(:value as {col.type.compile(postgresql.dialect())}) as {col.name}"
        value += f", date '{DAY}' as {rule.argument}" if rule.name == "on_day" else ""
        question = sa.text(f"select {conditions[name]} from ({value}) as example")
        for values, is_kept in ((values_within(col, rule), True), (values_beyond(col, rule), False)):
            assert {connection.scalar(question, {"value": value}) for value in values} == {is_kept}, name


@every_table
def test_not_null_and_key_agree_with_the_contract(table: sa.Table, connection: sa.Connection) -> None:
    for col in frame_column_list(table):
        row = sound_row(table, 0, **{col.name: None})
        error = refusal(connection, table, row)
        # A row without its partition's day finds no partition before NOT NULL is looked at.
        assert isinstance(error, errors.NotNullViolation | errors.CheckViolation) is not col.nullable, col.name
        assert is_rejected(table, row) is not col.nullable, col.name
    row = sound_row(table, 0)
    connection.execute(insert(table).values(row))
    error = refusal(connection, table, row)
    assert isinstance(error, errors.UniqueViolation)
    for name in key_columns(table):
        other = sound_row(table, 1)[name]
        if other != row[name] and name != "valid_from":  # a film has only one newest state
            assert refusal(connection, table, sound_row(table, 0, **{name: other})) is None, name


def test_ensuring_an_up_to_date_schema_takes_one_query(shared: Warehouse) -> None:
    engine, sent = shared.engine, []
    before = rows_of(shared, "select applied_at from applied_sql where name = 'schema'")
    sa.event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    ensure_schema(engine)
    assert len(sent) == 3  # the first sets the transaction's limits
    assert all(statement.lower().startswith("select") for statement in sent)
    assert rows_of(shared, "select applied_at from applied_sql where name = 'schema'") == before


def test_a_database_without_applied_sql_is_upgraded(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("drop table applied_sql, bridge_movie_genre")
    ensure_schema(warehouse.engine)
    assert rows_of(warehouse, "select to_regclass('bridge_movie_genre') is not null, count(*) from applied_sql") == [
        (True, 1)
    ]


def test_a_database_of_another_version_is_refused_and_unchanged(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("alter table dim_genre drop column name")
        connection.exec_driver_sql("update applied_sql set sha256 = 'of an older version'")
    with pytest.raises(SchemaMismatchError, match=r"dim_genre .* another version .* name"):
        ensure_schema(warehouse.engine)
    assert rows_of(warehouse, "select sha256 from applied_sql") == [("of an older version",)]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_applied_once(name: str, warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        (view,) = (view for view in DECLARED_VIEWS if view.name == name)
        for source in view.made_of:
            if source.startswith("vw_"):
                apply_view(connection, source)
        assert apply_view(connection, name)
        assert not apply_view(connection, name)
    with warehouse.begin() as connection:
        assert not apply_view(connection, name)
        columns = connection.exec_driver_sql(f"select * from {name}").keys()
        uncommented = sa.text(
            "select attname from pg_attribute where attrelid = cast(:name as regclass) and attnum > 0 "
            "and col_description(attrelid, attnum) is null"
        )
        assert connection.scalars(uncommented, {"name": name}).all() == []
        assert len(columns) >= 4
        connection.exec_driver_sql(f"drop view {name}")
        assert apply_view(connection, name)


def test_a_view_whose_text_changed_is_replaced(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_schema(warehouse.engine)
    (tmp_path / "views").mkdir()
    monkeypatch.setattr(ddl, "SQL_DIR", tmp_path)
    monkeypatch.setattr(ddl, "grants_sql", lambda: "select 1")
    file = tmp_path / "views" / "vw_percent.sql"
    file.write_text("create or replace view vw_percent as select '5% :x'::text as share;")
    with warehouse.begin() as connection:
        assert apply_view(connection, "vw_percent")
    file.write_text("create or replace view vw_percent as select '100 %s'::text as share, 1 as more;")
    with warehouse.begin() as connection:
        assert apply_view(connection, "vw_percent")
        assert not apply_view(connection, "vw_percent")
    assert rows_of(warehouse, "select * from vw_percent") == [("100 %s", 1)]

    # Postgres refuses other names, types and fewer columns: then it is dropped, with our own views that read it.
    (tmp_path / "views" / "vw_above.sql").write_text("create or replace view vw_above as select * from vw_percent;")
    with warehouse.begin() as connection:
        assert apply_view(connection, "vw_above")
    file.write_text("create or replace view vw_percent as select 100 as renamed;")
    with warehouse.begin() as connection:
        assert apply_view(connection, "vw_percent")
        assert apply_view(connection, "vw_above")
    assert rows_of(warehouse, "select * from vw_above") == [(100,)]

    file.write_text("create or replace view vw_percent as select 'x'::text as named_again;")
    with warehouse.begin() as connection:
        connection.exec_driver_sql("create view of_others as select * from vw_percent")
    with pytest.raises(SchemaMismatchError, match="view of_others depends on"), warehouse.begin() as connection:
        apply_view(connection, "vw_percent")
    assert rows_of(warehouse, "select * from of_others") == [(100,)]


@pytest.mark.parametrize(
    ("table", "day", "name", "first", "last"),
    [
        ("fact_movie_daily", "2026-07-01", "fact_movie_daily_2026_07", "2026-07-01", "2026-07-31"),
        ("fact_movie_daily", "2026-12-31", "fact_movie_daily_2026_12", "2026-12-01", "2026-12-31"),
        ("fact_movie_daily", "2027-01-01", "fact_movie_daily_2027_01", "2027-01-01", "2027-01-31"),
        ("fact_movie_daily", "2024-02-29", "fact_movie_daily_2024_02", "2024-02-01", "2024-02-29"),
        ("raw_details", "2026-12-31", "raw_details_2026_12_31", "2026-12-31", "2026-12-31"),
        ("raw_export", "2024-02-29", "raw_export_2024_02_29", "2024-02-29", "2024-02-29"),
    ],
)
def test_a_partition_is_made_on_demand_and_holds_its_first_and_last_day(
    table: str, day: str, name: str, first: str, last: str, shared: Warehouse, connection: sa.Connection
) -> None:
    made, dates = TABLES[table], {dt.date.fromisoformat(date) for date in (first, day, last)}
    ensure_partition(shared.engine, made, dt.date.fromisoformat(day))
    ensure_partition(shared.engine, made, dt.date.fromisoformat(day))
    for date in dates:
        connection.execute(insert(made).values(sound_row(made, 0, **{key_columns(made)[0]: date})))
    stored = connection.exec_driver_sql(f"select tableoid::regclass::text, count(*) from {name} group by 1").all()
    assert stored == [(name, len(dates))]


def test_making_a_partition_blocks_no_reader(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as reader:
        reader.exec_driver_sql("select count(*) from fact_movie_daily")  # its lock lasts as long as the transaction
        ensure_partition(warehouse.engine, fact_movie_daily, DAY)
        with warehouse.begin() as another:
            another.exec_driver_sql("set local lock_timeout = '1ms'")
            assert another.exec_driver_sql("select count(*) from fact_movie_daily").scalar_one() == 0
    with warehouse.engine.connect() as maker:
        maker.exec_driver_sql("select ensure_partition('fact_movie_daily', 'month', '2030-01-01')")
        with warehouse.begin() as reader:
            reader.exec_driver_sql("set local lock_timeout = '1ms'")
            assert reader.exec_driver_sql("select count(*) from fact_movie_daily").scalar_one() == 0


def test_concurrent_calls_make_a_partition_once(warehouse: Warehouse) -> None:
    days = [DAY + dt.timedelta(days=40 * number) for number in range(4)] * 4
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda day: ensure_partition(warehouse.engine, fact_movie_daily, day), days))
    made = "select count(*) from pg_inherits where inhparent = 'fact_movie_daily'::regclass"
    assert rows_of(warehouse, made) == [(4,)]
