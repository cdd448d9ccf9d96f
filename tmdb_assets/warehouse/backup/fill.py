"""An empty database filled with a backup's rows.

Its tables, functions and views are made from our own declarations, at the version of the backup, and then brought up to
this release. Nothing of the file but rows comes in, so what its writer put into it cannot run: neither now, as the role
that restores, nor later, as those who load and read. See docs/decisions/0017-a-backup-is-foreign-input.md.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import cast

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import URL

from tmdb_assets.warehouse.backup.archive import ANOTHER, Archive, TableRows, read_rows
from tmdb_assets.warehouse.backup.dump import CORE_TABLES, TABLES, Counts, count_rows, summarise
from tmdb_assets.warehouse.backup.programs import RefusedError
from tmdb_assets.warehouse.ledger.fetch_lock import UNBOUNDED
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema, partition_name, schema_sql, view_names
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.upgrade import mark, take_back
from tmdb_assets.warehouse.schema.vocabulary import metadata

OWN_NOTES = {"applied_sql", "schema_version"}  # what a database notes of its own schema, also when it has no films
COPY_LINES = 500  # sent at once; raw answers have lines of 10 kB and more
KEYS = """
select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) from pg_constraint
where contype in ('f', 'p') and conparentid = 0 and connamespace = 'public'::regnamespace order by contype
"""

OBJECTS = """
with schemas as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
of_extensions as (select classid, objid from pg_depend where deptype = 'e')
select format('schema %I', nspname) from schemas
union select format('extension %I', extname) from pg_extension
union select format('%I.%I', n.nspname, c.relname) from pg_class as c inner join schemas as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    and (c.tableoid, c.oid) not in (table of_extensions)
union select format('%I.%I()', n.nspname, p.proname) from pg_proc as p inner join schemas as n on n.oid = p.pronamespace
where (p.tableoid, p.oid) not in (table of_extensions)
order by 1
"""


@dataclass(frozen=True)
class Filled:
    """What was made of a backup."""

    counts: Counts
    objects: tuple[str, ...]
    """All objects of the database, as `list_objects` names them."""
    left_out: tuple[str, ...]
    """Tables of the file that are not ours."""


def fill(url: URL, archive: Archive, owner: str | None) -> Filled:
    """Make the warehouse in the empty database at `url` from the rows of a backup, `owner` being the tables' owner.

    Raises `RefusedError` where the file's rows do not fit our tables or are not all there, and `psycopg.Error`.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(UNBOUNDED)
            if owner:
                connection.exec_driver_sql(f"set local role {owner}".replace("%", "%%"))
            left_out = _load(connection, archive)
        ensure_schema(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql(UNBOUNDED)
            for name in view_names():
                apply_view(connection, name)
            connection.exec_driver_sql("analyze")  # else queries are planned without knowing the rows
            counts = summarise(count_rows(connection, CORE_TABLES))
            return Filled(counts, list_objects(connection), left_out)
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError) as error:
        raise RefusedError(
            f"The rows of {archive.file} do not fit the tables ({error.diag.message_primary or error})", action=ANOTHER
        ) from None


def _load(connection: sa.Connection, archive: Archive) -> tuple[str, ...]:
    """Make the tables as they were when the file was saved, and copy its rows into them; return the tables left out."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    _make_tables(connection, archive)
    tables = {*connection.exec_driver_sql(TABLES).scalars()} - OWN_NOTES
    parents = _make_partitions(driver, archive.tables)
    keys = driver.execute(KEYS).fetchall()  # foreign keys first; checked after the rows, whose tables come in any order
    for of_table, name, _ in keys:
        driver.execute(f"alter table {of_table} drop constraint {name}".encode())
    loaded = Counter[str]()
    ours = (archive.tables & tables) | parents.keys()
    for rows in read_rows(archive, ours):
        loaded[parents.get(rows[0], rows[0])] += _copy(driver, rows)
    wrong = [
        f"{loaded[name]} of {count} rows of {name}"
        for name, count in archive.counts.items()
        if name in tables and loaded[name] != count
    ]
    if wrong:
        raise RefusedError(f"{archive.file} is not complete: it has {', '.join(wrong)}", action=ANOTHER)
    for of_table, name, definition in reversed(keys):
        driver.execute(f"alter table {of_table} add constraint {name} {definition}".encode())
    return tuple(sorted(archive.tables - ours - OWN_NOTES))


def _make_tables(connection: sa.Connection, archive: Archive) -> None:
    version = _read_version(archive)
    try:
        connection.exec_driver_sql(schema_sql().replace("%", "%%"))
        mark(connection)
        take_back(connection, version)
    except LookupError:
        which = "a newer" if version > HEAD else "an older"  # the steps' numbers have four digits
        raise RefusedError(
            f"{archive.file} is of {which} tmdb-assets: its schema is at {version!a}, this release knows {HEAD} and "
            "some before it",
            action="Restore it with the release that made it",
        ) from None


def _read_version(archive: Archive) -> str:
    """The version of the schema that the file was saved from."""
    for _, columns, lines in read_rows(archive, {"schema_version"}):
        if columns == ["version_num"] and len(versions := [line.decode().strip() for line in lines]) == 1:
            return versions[0]
    raise RefusedError(
        f"{archive.file} does not say which version its schema has: it is of a tmdb-assets before the first release",
        action="Restore it with the tmdb-assets that made it",
    )


def _make_partitions(driver: psycopg.Connection, wanted: Collection[str]) -> dict[str, str]:
    """Make those of `wanted` that are partitions of our tables; return each one's table."""
    parents: dict[str, str] = {}
    for made in metadata.sorted_tables:
        if (unit := made.info["partition_unit"]) is None:
            continue
        for name in wanted:
            with suppress(ValueError):
                suffix = name.removeprefix(f"{made.name}_")
                first = dt.datetime.strptime(suffix, "%Y_%m" if unit == "month" else "%Y_%m_%d").date()
                if name == partition_name(made, first):
                    following = (first + dt.timedelta(days=32)).replace(day=1)
                    upper = following if unit == "month" else first + dt.timedelta(days=1)
                    driver.execute(
                        sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
                            sql.Identifier(name),
                            sql.Identifier(made.name),
                            sql.Literal(str(first)),
                            sql.Literal(str(upper)),
                        )
                    )
                    parents[name] = made.name
    return parents


def _copy(driver: psycopg.Connection, rows: TableRows) -> int:
    """Copy a table's rows; return their number."""
    name, columns, lines = rows
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("public", name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cursor = driver.cursor()
    with cursor.copy(statement) as copy:
        while batch := list(islice(lines, COPY_LINES)):
            copy.write(b"".join(batch))
    return cursor.rowcount


def list_objects(connection: sa.Connection) -> tuple[str, ...]:
    """The schemas, extensions, tables, views and functions of a database, sorted, qualified and quoted."""
    return tuple(connection.execute(sa.text(OBJECTS)).scalars())
