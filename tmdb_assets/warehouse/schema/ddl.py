"""The declarations as DDL: `sql/schema.sql`, and the schema of a live database.

`python -m tmdb_assets.warehouse.schema.ddl` writes `sql/schema.sql`; a test keeps it fresh.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from tmdb_assets.settings import SQL_DIR
from tmdb_assets.tables import own_tables
from tmdb_assets.warehouse.schema import bridges, derived, dimensions, fact, history, quality, raw
from tmdb_assets.warehouse.schema.roles import act_as_owner
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError, mark, upgrade
from tmdb_assets.warehouse.schema.vocabulary import column, metadata, table
from tmdb_assets.warehouse.server.engine import lock_schema

DECLARED_IN = (
    raw,
    dimensions,
    bridges,
    history,
    fact,
    derived,
    quality,
    own_tables(),
)  # importing them fills `metadata`


applied_sql = table(
    "applied_sql",
    "One row per SQL text applied to this database: the schema and each view, with the hash of its text.",
    column("name", "text", "schema, or the view's name.", key=True),
    column("sha256", "text", "Hash of the text that was applied."),
    column("applied_at", "timestamp", "When it was applied (UTC).", by_database="now()"),
    group="ledger",
)


@cache
def schema_sql() -> str:
    """The whole schema as SQL text, in dependency order."""
    dialect = postgresql.dialect()
    statements: list[str] = []
    for made in metadata.sorted_tables:
        elements: list[sa.schema.ExecutableDDLElement] = [CreateTable(made, if_not_exists=True), SetTableComment(made)]
        elements += [
            CreateIndex(index, if_not_exists=True) for index in sorted(made.indexes, key=lambda i: str(i.name))
        ]
        elements += [SetColumnComment(col) for col in made.columns]
        statements += [
            "\n".join(line.rstrip() for line in str(e.compile(dialect=dialect)).strip().splitlines()) for e in elements
        ]
    header = "-- Generated from the declarations in tmdb_assets/warehouse (make schema). Do not edit.\n\n"
    return header + ";\n\n".join(statement.replace("\t", "    ") for statement in statements) + ";\n"


def ensure_schema(engine: sa.Engine) -> None:
    """Upgrade the schema to this release; one query if it is up to date.

    Runs the migrations that the database lacks and makes missing tables, in one transaction and one process at a time.
    Raises `SchemaMismatchError` for a database of a newer release, where this role may not change the schema, and where
    columns still differ from the declared ones.
    """
    text = schema_sql()
    digest = hashlib.sha256((text + functions_sql() + grants_sql()).encode()).hexdigest()
    with _plain_errors(), engine.begin() as connection:
        if _applied(connection, "schema") == digest:
            return
    with _plain_errors(), engine.begin() as connection:
        lock_schema(connection)  # before any other: who has it may wait for a lock on a table that was read
        if _applied(connection, "schema") == digest:
            return
        connection.exec_driver_sql("set local statement_timeout = 0")  # it may rewrite years of rows
        act_as_owner(connection)
        upgrade(connection)
        _require_columns(connection)
        connection.exec_driver_sql(text)
        _execute(connection, functions_sql())
        _execute(connection, grants_sql())
        connection.exec_driver_sql("select renew_totals()")
        mark(connection)
        _remember(connection, "schema", digest)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise `SchemaMismatchError` where this role may not change the schema, or views of others are in the way."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.DependentObjectsStillExist):
            raise SchemaMismatchError(
                "Views of your own use columns or functions that this release drops "
                f"({(error.orig.diag.message_detail or str(error.orig)).splitlines()[0]})",
                action="Drop them, run tmdb-assets migrate, and make them again",
            ) from None
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise SchemaMismatchError(
            "The schema of this database is not that of this release, and the role of WAREHOUSE_URL may not change it "
            f"({str(error.orig).splitlines()[0]})",
            action="Run tmdb-assets migrate as the tables' owner",
        ) from None


def functions_sql() -> str:
    """The functions that the warehouse calls, as SQL text."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((SQL_DIR / "functions").glob("*.sql")))


def grants_sql() -> str:
    """The grants on the existing tables and views to loader and reader, as SQL text."""
    return (SQL_DIR / "grants.sql").read_text(encoding="utf-8")


def _require_columns(connection: sa.Connection) -> None:
    """Raise `SchemaMismatchError` where the columns of an existing table differ from the declared ones."""
    found: dict[str, set[str]] = {}
    query = "select table_name, column_name from information_schema.columns where table_schema = current_schema()"
    for table_name, column_name in connection.execute(sa.text(query)):
        found.setdefault(table_name, set()).add(column_name)
    for made in metadata.sorted_tables:
        declared = {col.name for col in made.columns}
        if made.name in found and found[made.name] != declared:
            raise SchemaMismatchError(
                f"Table {made.name} of this database was made by another version of tmdb-assets (columns that differ: "
                f"{', '.join(sorted(found[made.name] ^ declared))})",
                action="Use that version, or a new database",
                setting="WAREHOUSE_URL",
            )


def view_names() -> list[str]:
    """The views that have a file, in the order in which they can be made."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL_DIR / "views").glob("*.sql"))}
    return sorted(texts, key=lambda name: sum(other in texts[name] for other in texts))


def view_file(name: str) -> Path:
    """The file with the SQL of a view."""
    return SQL_DIR / "views" / f"{name}.sql"


def function_file(name: str) -> Path:
    """The file with the SQL of a function."""
    return SQL_DIR / "functions" / f"{name}.sql"


VIEWS_OF_VIEW = sa.text("""
select distinct v.relname
from pg_depend as d
inner join pg_rewrite as r on d.objid = r.oid
inner join pg_class as v on r.ev_class = v.oid
inner join applied_sql as a on v.relname = a.name
where d.refobjid = cast(:name as regclass) and v.oid <> d.refobjid and v.relnamespace = 'public'::regnamespace
""")
"""Our own views that read a view: they are dropped with it, and applied again when it is their turn."""


def apply_view(connection: sa.Connection, name: str) -> bool:
    """Create or replace a view from its file; False if this text is already applied.

    A view whose columns were renamed, retyped or dropped is dropped and created. Takes the schema's lock, so it comes
    first in its transaction, which should be short. Raises `SchemaMismatchError` where views of others read it.
    """
    lock_schema(connection)
    text = view_file(name).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if _applied(connection, name) == digest and connection.scalar(sa.text("select to_regclass(:n)"), {"n": name}):
        return False
    with _plain_errors():
        act_as_owner(connection)
        try:
            with connection.begin_nested():
                _execute(connection, text)
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.InvalidTableDefinition):
                raise
            dropped = [name, *connection.scalars(VIEWS_OF_VIEW, {"name": name})]
            connection.exec_driver_sql(f"drop view {', '.join(dropped)}")  # Postgres only adds columns to a view
            _execute(connection, text)
        _execute(connection, grants_sql())
        _remember(connection, name, digest)
        connection.exec_driver_sql("set local role none")
    return True


def _execute(connection: sa.Connection, text: str) -> None:
    connection.exec_driver_sql(text.replace("%", "%%"))


IS_PARTITION = sa.text("select inhrelid from pg_inherits where inhrelid = to_regclass(:name)")


def ensure_partition(engine: sa.Engine, made: sa.Table, day: dt.date) -> None:
    """Create the partition of `made` that holds `day`, unless it exists.

    In its own transaction, so that readers of the table do not wait for a whole load; several processes may call it.
    Raises `sa.exc.DBAPIError` for one that was detached and still exists.
    """
    unit = made.info["partition_unit"]
    with engine.begin() as connection:
        if connection.scalar(IS_PARTITION, {"name": partition_name(made, day)}) is None:
            connection.execute(
                sa.text("select ensure_partition(:name, :unit, :day)"), {"name": made.name, "unit": unit, "day": day}
            )


def partition_name(made: sa.Table, day: dt.date) -> str:
    """The name of the partition that holds a day."""
    return f"{made.name}_{day:%Y_%m}" if made.info["partition_unit"] == "month" else f"{made.name}_{day:%Y_%m_%d}"


def _applied(connection: sa.Connection, name: str) -> str | None:
    if not connection.scalar(sa.text("select to_regclass('applied_sql')")):
        return None
    return connection.scalar(sa.select(applied_sql.c.sha256).where(applied_sql.c.name == name))


def _remember(connection: sa.Connection, name: str, digest: str) -> None:
    statement = postgresql.insert(applied_sql).values(name=name, sha256=digest)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"sha256": digest, "applied_at": sa.func.now()})
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit("usage: python -m tmdb_assets.warehouse.schema.ddl  (writes sql/schema.sql)")
    (SQL_DIR / "schema.sql").write_text(schema_sql(), encoding="utf-8")
