"""Save schema public of the warehouse to a file by pg_dump: one consistent state, while loads continue.

The file is in pg_dump's custom format, followed by one line with each table's row count, which pg_restore ignores.
Roles and Dagster's own storage are not saved.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
import psycopg
import sqlalchemy as sa

from tmdb_assets.warehouse.backup.programs import (
    BackupError,
    RefusedError,
    application_name,
    find_program,
    reason_of,
    run_program,
)
from tmdb_assets.warehouse.ledger.fetch_lock import UNBOUNDED
from tmdb_assets.warehouse.server.databases import driver_problem, first_line
from tmdb_assets.warehouse.server.engine import LOCK_TIMEOUT, SYSTEM_PATH_ONLY, make_engine
from tmdb_assets.warehouse.server.libpq import libpq_environment
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import describe

CORE_TABLES = ("dim_movie", "load_day", "fact_movie_daily")  # every release has them
NO_BACKUP = "No backup was made"
COUNTS_MARK = b"\ntmdb-assets row counts: "  # before the last line of a backup
# Only tables: reading a view runs its functions, and a superuser must not run those of a lesser role.
TABLES = """
select c.relname from pg_catalog.pg_class as c
where c.relnamespace = 'public'::pg_catalog.regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname
"""


@dataclass(frozen=True)
class Counts:
    """Rows of the main tables."""

    films: int
    days: int
    facts: int

    def __str__(self) -> str:
        named = ((self.films, "film"), (self.days, "day"), (self.facts, "fact"))
        return ", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for number, name in named)


def back_up(server: Server, file: Path, *, overwrite: bool = False) -> Counts:
    """Save the warehouse to `file` with mode 0600; return what was saved.

    It is written in a temporary folder (`FILE.*.partial`, mode 0700) next to `file` and moved when complete. Raises
    `BackupError`; an existing file is then unchanged.
    """
    _require_place(file, overwrite=overwrite)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{file.name}.", suffix=".partial", dir=file.parent) as folder:
            partial = Path(folder) / file.name
            partial.touch(mode=0o600)
            counts = _dump(server, partial)
            with partial.open("ab") as opened:
                opened.write(COUNTS_MARK + orjson.dumps(counts) + b"\n")
                opened.flush()
                os.fsync(opened.fileno())
            _require_place(file, overwrite=overwrite)  # again, as the dump may have taken long
            partial.replace(file)
    except OSError as error:
        raise BackupError(
            f"The backup could not be written to {file} ({error.strerror})",
            kept=NO_BACKUP,
            action="Name a file where you may write and where there is space",
        ) from None
    return summarise(counts)


def _require_place(file: Path, *, overwrite: bool) -> None:
    if not file.parent.is_dir():
        raise RefusedError(f"The folder {file.parent} does not exist", action="Make it, or name another file")
    if file.is_dir():
        raise RefusedError(f"{file} is a folder", action="Name a file in it")
    if file.exists() and not overwrite:
        raise RefusedError(f"{file} exists", action="Name another file, or replace it with --overwrite")


def _dump(server: Server, file: Path) -> dict[str, int]:
    """Run pg_dump; return each table's row count."""
    with open_session(server, "backup", isolation_level="REPEATABLE READ") as connection:
        tables = connection.exec_driver_sql(TABLES).scalars().all()
        if not {*CORE_TABLES} <= {*tables}:
            raise RefusedError(
                f"The database at {describe(server.url)} holds no warehouse yet",
                action="Load a day first: tmdb-assets run",
            )
        # pg_dump reads this transaction's snapshot, so its file has exactly the rows counted here.
        snapshot = connection.exec_driver_sql("select pg_export_snapshot()").scalar()
        counts = count_rows(connection, tables)
        program = find_program("pg_dump", connection)
        arguments = ["--format=custom", "--schema=public", f"--snapshot={snapshot}", f"--file={file}"]
        arguments += ["--no-password", f"--lock-wait-timeout={LOCK_TIMEOUT}"]
        environment = libpq_environment(server.url) | {"PGAPPNAME": application_name("pg_dump")}
        try:
            run_program([program, *arguments], environment)
        except subprocess.CalledProcessError as error:
            raise BackupError(f"pg_dump failed on {describe(server.url)}: {reason_of(error)}", kept=NO_BACKUP) from None
        return counts


@contextmanager
def open_session(
    server: Server, purpose: str, *, isolation_level: Literal["READ COMMITTED", "REPEATABLE READ"] = "READ COMMITTED"
) -> Iterator[sa.Connection]:
    """One transaction without time limits, committed at the end; the schema is not upgraded.

    Its search path has only Postgres's own functions, as a superuser must not call those of a lesser role. Raises
    `BackupError` for any database error; the transaction is then rolled back.
    """
    with plain_errors(server, purpose):
        engine = make_engine(
            server.url,
            poolclass=sa.NullPool,
            isolation_level=isolation_level,
            connect_args={
                "application_name": application_name(purpose),
                "client_encoding": "utf8",
                "prepare_threshold": None,
            },
        )
        with engine.begin() as connection:
            connection.exec_driver_sql(SYSTEM_PATH_ONLY)
            connection.exec_driver_sql(UNBOUNDED)
            yield connection


@contextmanager
def plain_errors(server: Server, purpose: str) -> Iterator[None]:
    """Raise database errors as `BackupError`."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        outage = driver_problem(error, server.url)
        raise BackupError(
            outage.what
            if outage
            else f"Postgres at {describe(server.url)} reports: {first_line(getattr(error, 'orig', error))}",
            kept=f"The {purpose} was stopped; the warehouse is unchanged",
            action=outage.action if outage else None,
            retry=outage.retry if outage else None,
        ) from None


def count_rows(connection: sa.Connection, tables: Iterable[str]) -> dict[str, int]:
    """Count the rows of tables in schema public."""
    query = sa.select(sa.func.count())
    return {
        name: connection.execute(query.select_from(sa.table(name, schema="public"))).scalar_one() for name in tables
    }


def summarise(counts: Mapping[str, int]) -> Counts:
    """Films, days and facts among the row counts of tables."""
    return Counts(*(counts[name] for name in CORE_TABLES))
