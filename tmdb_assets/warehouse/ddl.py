"""Declarations to DDL: `sql/schema.sql`, and the schema of a live database.

`python -m tmdb_assets.warehouse.ddl` writes `sql/schema.sql`; a test keeps it fresh.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from tmdb_assets.settings import SQL_DIR
from tmdb_assets.warehouse import bridges, dimensions, fact, raw
from tmdb_assets.warehouse.columns import column, metadata, table

DECLARED_IN = (raw, dimensions, bridges, fact)  # importing them fills `metadata`
SCHEMA_LOCK = 7_308_332_001  # advisory lock: one process at a time changes the schema


class SchemaMismatchError(Exception):
    """The database holds tables of another version; the text is one line for the user."""


applied_sql = table(
    "applied_sql",
    "One row per SQL text applied to this database: the schema and each view, with the hash of its text.",
    column("name", "text", "schema, or the view's name.", key=True),
    column("sha256", "text", "Hash of the text that was applied."),
    column("applied_at", "timestamp", "When it was applied (UTC).", by_database="now()"),
    group="books",
)


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
    """Make the declared tables that are not there; costs one query when this very schema was applied already.

    Tables that exist are left alone: raises `SchemaMismatchError` where their columns differ.
    """
    text = schema_sql()
    digest = hashlib.sha256(text.encode()).hexdigest()
    with engine.begin() as connection:
        if _applied(connection, "schema") == digest:
            return
        connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
        if _applied(connection, "schema") == digest:
            return
        _require_columns(connection)
        connection.exec_driver_sql(text)
        _remember(connection, "schema", digest)


def _require_columns(connection: sa.Connection) -> None:
    """Existing tables are left as they are: raise `SchemaMismatchError` where the columns of one differ."""
    found: dict[str, set[str]] = {}
    query = "select table_name, column_name from information_schema.columns where table_schema = current_schema()"
    for table_name, column_name in connection.execute(sa.text(query)):
        found.setdefault(table_name, set()).add(column_name)
    for made in metadata.sorted_tables:
        declared = {col.name for col in made.columns}
        if made.name in found and found[made.name] != declared:
            raise SchemaMismatchError(
                f"Table {made.name} of this database was made by another version of tmdb-assets (columns that differ: "
                f"{', '.join(sorted(found[made.name] ^ declared))}). Nothing was changed; use that version, or a new "
                "database."
            )


def view_file(name: str) -> Path:
    """Where the SQL of a view stands."""
    return SQL_DIR / "views" / f"{name}.sql"


def apply_view(connection: sa.Connection, name: str) -> bool:
    """Create or replace a view from its file; False when the database has this very text already."""
    text = view_file(name).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if _applied(connection, name) == digest and connection.scalar(sa.text("select to_regclass(:n)"), {"n": name}):
        return False
    connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
    connection.exec_driver_sql(text.replace("%", "%%") if "%" in text else text)
    _remember(connection, name, digest)
    return True


def ensure_month(connection: sa.Connection, made: sa.Table, day: dt.date) -> None:
    """Create the monthly partition of `made` that holds `day`, unless it is there."""
    first = day.replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    name = f"{made.name}_{first:%Y_%m}"
    found = sa.text("select to_regclass(:name)")
    if connection.scalar(found, {"name": name}):
        return
    connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
    connection.exec_driver_sql(
        f"create table if not exists {name} partition of {made.name} for values from ('{first}') to ('{following}')"
    )


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
        sys.exit("usage: python -m tmdb_assets.warehouse.ddl  (writes sql/schema.sql)")
    (SQL_DIR / "schema.sql").write_text(schema_sql(), encoding="utf-8")
