"""An empty database filled with a backup's rows.

Its tables, functions and views are made from our own declarations, at the backup's version, and then upgraded to this
release. Only rows come from the file, so nothing that its writer put into it can run, now or later. See
docs/decisions/0017-a-backup-is-foreign-input.md.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from typing import cast

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import URL

from tmdb_assets.settings import SQL_DIR
from tmdb_assets.warehouse.backup.archive import ANOTHER, Archive, TableRows, read_rows
from tmdb_assets.warehouse.backup.dump import CORE_TABLES, TABLES, Counts, count_rows, summarise
from tmdb_assets.warehouse.backup.programs import RefusedError
from tmdb_assets.warehouse.ledger.fetch_lock import UNBOUNDED
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema, partition_name, schema_sql, view_names
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.upgrade import mark, take_back
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.engine import make_engine

OWN_NOTES = {"applied_sql", "schema_version"}  # about the schema itself; filled even in a warehouse without films
PUBLIC_PATH = "set local search_path = public"  # the database has the settings of the former one
COPY_LINES = 500  # sent at once; raw answers have lines of 10 kB and more
KEYS = """
select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) from pg_constraint
where contype in ('f', 'p') and conparentid = 0 and connamespace = 'public'::regnamespace order by contype
"""

OBJECTS = """
with schemas as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select format('%I.%I', n.nspname, c.relname) from pg_class as c inner join schemas as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
union select format('%I.%I()', n.nspname, p.proname) from pg_proc as p inner join schemas as n on n.oid = p.pronamespace
where not exists (select from pg_depend as d where d.classid = p.tableoid and d.objid = p.oid and d.deptype = 'e')
union select format('extension %I', extname) from pg_extension
union select 'grants to ' || coalesce(quote_ident(r.rolname), 'public') from (
    select relnamespace, relowner, relacl from pg_class
    union all select relnamespace, relowner, attacl from pg_attribute as a inner join pg_class as c on c.oid = attrelid
    union all select pronamespace, proowner, proacl from pg_proc
) as o (namespace, owner, acl) inner join schemas as n on n.oid = namespace, aclexplode(acl) as a
left join pg_roles as r on r.oid = a.grantee
where grantee <> owner and coalesce(r.rolname, '') not in ('tmdb_owner', 'tmdb_loader', 'tmdb_reader')
    and (grantee <> 0 or privilege_type <> 'EXECUTE') -- which everybody has on a new function
union select 'default privileges of ' || quote_ident(pg_get_userbyid(defaclrole)) from pg_default_acl
order by 1
"""


def fill(url: URL, archive: Archive, owner: str | None) -> tuple[Counts, set[str]]:
    """Make the warehouse in the empty database at `url` from a backup's rows, with tables that belong to `owner`.

    Returns what was restored, and all objects of the database as `list_objects` names them. Raises `RefusedError` when
    rows break the tables' rules or are missing, and `psycopg.Error`.
    """
    engine = make_engine(url, poolclass=sa.NullPool)
    for setting in (UNBOUNDED, PUBLIC_PATH):
        sa.event.listen(engine, "begin", lambda connection, setting=setting: connection.exec_driver_sql(setting))
    try:
        with engine.begin() as connection:
            if owner:
                connection.exec_driver_sql(f"set local role {owner}".replace("%", "%%"))
            _load(connection, archive)
        ensure_schema(engine)
        with engine.begin() as connection:
            for name in view_names():
                apply_view(connection, name)
            connection.exec_driver_sql("analyze")  # else the planner has no statistics
            return summarise(count_rows(connection, CORE_TABLES)), {*list_objects(connection)}
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError) as error:
        raise RefusedError(
            f"The rows of {archive.file} do not fit the tables ({error.diag.message_primary or error})", action=ANOTHER
        ) from None


def _load(connection: sa.Connection, archive: Archive) -> None:
    """Make the tables of the backup's version and copy its rows into them."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    _make_tables(connection, archive)
    tables = {*connection.exec_driver_sql(TABLES).scalars()} - OWN_NOTES
    parents = _make_partitions(connection, archive.tables)
    keys = driver.execute(KEYS).fetchall()  # foreign keys first; added after the rows, as tables come in any order
    for of_table, name, _ in keys:
        driver.execute(f"alter table {of_table} drop constraint {name}".encode())
    loaded = Counter[str]()
    for rows in read_rows(archive, (archive.tables & tables) | parents.keys()):
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


def _make_tables(connection: sa.Connection, archive: Archive) -> None:
    version = _read_version(archive)
    try:
        connection.exec_driver_sql(schema_sql().replace("%", "%%"))
        mark(connection)
        take_back(connection, version)
    except LookupError:
        which = "a newer" if version > HEAD else "an older"  # the steps' numbers have four digits
        raise RefusedError(
            f"{archive.file} was made by {which} tmdb-assets: its schema is at {version!a}, that of this release at "
            f"{HEAD}",
            action="Restore it with the release that made it",
        ) from None


def _read_version(archive: Archive) -> str:
    """The version of the schema that the file was saved from."""
    for _, columns, lines in read_rows(archive, {"schema_version"}):
        if columns == ["version_num"] and len(versions := [line.decode().strip() for line in lines]) == 1:
            return versions[0]
    raise RefusedError(
        f"{archive.file} has no schema version: it was made by a tmdb-assets before the first release",
        action="Restore it with the tmdb-assets that made it",
    )


def _make_partitions(connection: sa.Connection, names: Collection[str]) -> dict[str, str]:
    """Make those of `names` that are partitions of our tables; return each one's table."""
    connection.exec_driver_sql((SQL_DIR / "functions/ensure_partition.sql").read_text("utf-8").replace("%", "%%"))
    parents: dict[str, str] = {}
    for made in metadata.sorted_tables:
        unit = made.info["partition_unit"]
        for name in names if unit else ():
            with suppress(ValueError):
                suffix = name.removeprefix(f"{made.name}_")
                day = dt.datetime.strptime(suffix, "%Y_%m" if unit == "month" else "%Y_%m_%d").date()
                if name == partition_name(made, day):
                    connection.execute(sa.select(sa.func.ensure_partition(made.name, unit, day)))
                    parents[name] = made.name
    return parents


def _copy(driver: psycopg.Connection, rows: TableRows) -> int:
    """Copy a table's rows into it; return their number."""
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
    """The tables, views, functions, extensions and foreign grants of a database, sorted, qualified and quoted."""
    return tuple(connection.execute(sa.text(OBJECTS)).scalars())
