"""The contents and rows of a file that `warehouse.backup.dump` wrote.

A backup is foreign input: whoever wrote the file chose each SQL statement in it. So none is executed: only the rows
are taken from what pg_restore prints.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import orjson

from tmdb_assets.settings.programs import environment_without_secrets
from tmdb_assets.warehouse.backup.dump import CORE_TABLES, COUNTS_MARK
from tmdb_assets.warehouse.backup.programs import RefusedError, reason_of, run_program

LONGEST_COUNTS = 100_000  # bytes at the end of the file that are searched for the counts
ANOTHER = "Use another backup"
SANDBOX_DATABASE = "tmdb_sandbox"
COPY = re.compile(rb"COPY public\.(\w+) \(([\w\", ]+)\) FROM stdin;\n")  # pg_dump writes it so, on a line of its own
ROUTINES = ("FUNCTION", "PROCEDURE", "AGGREGATE")
OBJECT = rf"^\d+; \d+ \d+ ((?:MATERIALIZED )?VIEW|TABLE|DEFAULT ACL|{'|'.join(ROUTINES)}) public (.+) \S+$"
END_OF_ROWS = b"\\.\n"

TableRows = tuple[str, list[str], Iterator[bytes]]
"""A table's name, its columns, and its rows as lines of COPY's text format."""


@dataclass(frozen=True)
class Archive:
    """A backup's table of contents, and the pg_restore that reads it."""

    file: Path
    program: str
    database: str
    """The database that was saved."""
    tables: frozenset[str]
    """Tables and partitions of schema public whose rows are in the file."""
    objects: tuple[str, ...]
    """Tables without partitions, views, functions and default privileges of schema public that are in the file."""
    counts: dict[str, int]
    """Rows of each table when it was saved; empty for a file without these counts."""


def read_archive(program: str, file: Path) -> Archive:
    """Read the file's table of contents. Raises `RefusedError` for a file that is not a dump."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - LONGEST_COUNTS))
            counts = _parse_counts(opened.read())
        listing = run_program([program, "--format=custom", "--list", file]).decode(errors="replace")
    except OSError as error:
        raise RefusedError(f"{file} cannot be read ({error.strerror})", action=ANOTHER) from None
    except subprocess.CalledProcessError as error:
        raise _unreadable(file, error) from None
    database = re.search(r"^; +dbname: (.*)$", listing, re.MULTILINE)
    return Archive(
        file=file,
        program=program,
        database=database[1].strip() if database else "",
        tables=frozenset(re.findall(r"^\d+; \d+ \d+ TABLE DATA public (.+) \S+$", listing, re.MULTILINE)),
        objects=_parse_objects(listing),
        counts=counts,
    )


def _parse_objects(listing: str) -> tuple[str, ...]:
    """The objects in a table of contents, named as `fill.list_objects` does."""
    partitions = set(re.findall(r"^\d+; \d+ \d+ TABLE ATTACH public (.+) \S+$", listing, re.MULTILINE))
    found = re.findall(OBJECT, listing, re.MULTILINE)
    return tuple(
        name.lower() if kind == "DEFAULT ACL" else f"public.{name.partition('(')[0]}{'()' if kind in ROUTINES else ''}"
        for kind, name in found
        if name not in partitions
    )


def _parse_counts(end: bytes) -> dict[str, int]:
    _, found, line = end.rpartition(COUNTS_MARK)
    try:
        counts = orjson.loads(line) if found else {}
    except orjson.JSONDecodeError:
        counts = {}
    return counts if isinstance(counts, dict) else {}


def read_rows(archive: Archive, tables: Collection[str]) -> Iterator[TableRows]:
    """Yield the rows of these tables; read one table's rows before requesting the next.

    Everything else that pg_restore prints is skipped. Raises `RefusedError` when the file is damaged, after yielding
    the rows that could be read, and `ValueError` when the system gives no pipe.
    """
    names = (f"--table={name}" for name in sorted(tables))
    command: list[str | Path] = [archive.program, "--data-only", "--schema=public", *names, "--file=-", archive.file]
    with tempfile.TemporaryFile() as messages:
        with subprocess.Popen(  # noqa: S603
            command,
            env=environment_without_secrets(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
        ) as process:
            if process.stdout is None:
                raise ValueError("the pipe was not made")
            for line in process.stdout:
                if (found := COPY.fullmatch(line)) and found[1].decode() in tables:
                    columns = found[2].decode().replace('"', "").split(", ")
                    yield found[1].decode(), columns, takewhile(lambda row: row != END_OF_ROWS, process.stdout)
        if process.returncode:
            messages.seek(0)
            error = subprocess.CalledProcessError(process.returncode, command, stderr=messages.read())
            raise _unreadable(archive.file, error)


def require_warehouse(archive: Archive, database: str) -> None:
    """Raise `RefusedError` unless it is a warehouse's backup, with sample figures if `database` is for samples."""
    if missing := [name for name in CORE_TABLES if name != "fact_movie_daily" and name not in archive.tables]:
        raise RefusedError(
            f"{archive.file} is not a backup of a warehouse: it has no rows of {' and '.join(missing)}", action=ANOTHER
        )
    if (archive.database == SANDBOX_DATABASE) != (database == SANDBOX_DATABASE):
        kinds = ("sample", "real") if archive.database == SANDBOX_DATABASE else ("real", "sample")
        raise RefusedError(
            f"{archive.file} holds {kinds[0]} figures (database {archive.database}), and {database} is for {kinds[1]} "
            "ones",
            setting="TMDB_TOKEN",
            action="Set or unset TMDB_TOKEN, which chooses between them",
        )


def _unreadable(file: Path, error: subprocess.CalledProcessError) -> RefusedError:
    return RefusedError(f"{file} cannot be restored: pg_restore reports: {reason_of(error)}", action=ANOTHER)
