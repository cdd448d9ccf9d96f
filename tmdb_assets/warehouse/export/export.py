"""Exports the declared tables that readers may read: one snapshot, as Parquet files and a manifest.

A table that is partitioned by month is a folder with one file for each month, any other table is one file. A file is
only read from the database again if it is damaged or the versions of its rows changed (decision 36).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.settings import ATTRIBUTION, SAMPLE_LINE
from tmdb_assets.warehouse.export.arrow import arrow_schema, read_rows, rows_query
from tmdb_assets.warehouse.export.features import NAME as FEATURES
from tmdb_assets.warehouse.export.features import features_table
from tmdb_assets.warehouse.export.folder import (
    ExportedFile,
    ExportRefusedError,
    Folder,
    locked,
    require_place,
)
from tmdb_assets.warehouse.export.parts import Days, Part, exported_tables, read_state, split
from tmdb_assets.warehouse.reading import become_reader, is_undefined, no_data_yet
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.vocabulary import day_column, key_columns, sql_type

if TYPE_CHECKING:
    import pyarrow as pa

LICENCE = "TMDb's terms of use, https://www.themoviedb.org/api-terms-of-use"
# COPY writes every digit, and dates as ISO has them, whatever is set on server, database or role.
FORMATS = "set local statement_timeout = 0; set local extra_float_digits = 1; set local datestyle = 'ISO, YMD'"


@dataclass(frozen=True)
class Exported:
    """What an export did: files in the folder, how many of them are new, and how many others were deleted."""

    files: tuple[ExportedFile, ...]
    written: int
    removed: int
    first_day: dt.date
    last_day: dt.date

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


def export(
    engine: sa.Engine,
    root: Path,
    *,
    is_sample: bool,
    first: dt.date | None = None,
    last: dt.date | None = None,
    features: bool | None = None,
) -> Exported:
    """Make `root` hold the days from `first` to `last` (default: all) and the whole of the other tables.

    `features`: whether also those of `movie_features`; unless given, if the folder already holds them.
    Loads may continue. Raises `ExportRefusedError` for a place or days that cannot be used, `ExportError` where the
    folder cannot be written, `NothingToReadError` before the first load, and `sa.exc.DBAPIError`.
    """
    require_place(root)
    source = "sandbox" if is_sample else "TMDb"
    with _snapshot(engine) as connection:
        days = _days(connection, first, last)
        with locked(root) as folder:
            folder.require_source(source)
            about = {"source": source, "attribution": ATTRIBUTION, "licence": LICENCE}
            about |= {"note": SAMPLE_LINE} if is_sample else {}
            written = 0
            files = []
            tables = exported_tables()
            if features or (features is None and folder.has_table(FEATURES)):
                tables.append(features_table())
            for part in split(tables, days):
                file, is_new = _keep_or_write(connection, folder, part, arrow_schema(part.table, about))
                written += is_new
                files += [file] if file is not None else []
            about |= {"release": version("tmdb-assets"), "schema_step": HEAD}
            about |= {"first_day": str(days[0]), "last_day": str(days[1])}
            removed = folder.finish(files, {str(table.name): _describe(table) for table in tables}, about)
    return Exported(tuple(files), written, removed, *days)


@contextmanager
def _snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A read-only transaction on one state of the database, as the reader."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        become_reader(connection)
        connection.exec_driver_sql(FORMATS)
        yield connection


def _days(connection: sa.Connection, first: dt.date | None, last: dt.date | None) -> Days:
    """The first and last day with facts from `first` to `last`."""
    day = fact_movie_daily.c.date_id
    query = sa.select(sa.func.min(day), sa.func.max(day))
    try:
        loaded = connection.execute(query).one()
    except sa.exc.ProgrammingError as error:
        if is_undefined(error):
            raise no_data_yet() from error
        raise
    if loaded[0] is None:
        raise no_data_yet()
    low, high = first or loaded[0], last or loaded[1]
    found = connection.execute(query.where(day.between(low, high))).one()
    if found[0] is None:
        asked = f"{f' from {first}' if first else ''}{f' to {last}' if last else ''}"
        raise ExportRefusedError(f"No day{asked} is loaded", action=f"Choose days from {loaded[0]} to {loaded[1]}")
    return found[0], found[1]


def _keep_or_write(
    connection: sa.Connection, folder: Folder, part: Part, schema: pa.Schema
) -> tuple[ExportedFile | None, bool]:
    """The file of a part, written unless it is as it would be, and whether it is new; None for a month without rows."""
    rows, state = read_state(connection, part, schema.to_string(truncate_metadata=False))
    if not rows and part.days is not None:
        return None, False
    earlier = folder.earlier.get(part.name)
    if earlier is not None and earlier.state == state and folder.has(earlier):
        return earlier, False
    found: list[str] = []

    def fill(path: Path) -> None:
        query = rows_query(part.table, *(part.days or (None, None)), is_computed=part.is_computed)
        day = day_column(part.table)
        found.extend(
            _write_parquet(path, connection, query, schema, day.name if part.days and day is not None else None)
        )

    is_new, size, digest = folder.write(part.name, fill)
    first, last = (found[0], found[-1]) if found else (None, None)
    return ExportedFile(part.name, str(part.table.name), rows, size, digest, first, last, state), is_new


def _write_parquet(
    path: Path, connection: sa.Connection, query: str, schema: pa.Schema, day: str | None
) -> Iterator[str]:
    """Write the rows of a query; yield the first and last value of the column `day` in each group, in order."""
    from pyarrow import parquet

    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in read_rows(connection, query, schema):
            writer.write_table(table)
            if day is not None:
                yield from (str(table[day][0]), str(table[day][-1]))


def _describe(table: sa.Table) -> dict[str, Any]:
    """A table as the manifest lists it."""
    columns = [
        {"name": str(col.name), "type": sql_type(col), "nullable": bool(col.nullable), "comment": col.comment}
        for col in table.columns
    ]
    return {"comment": table.comment, "key": [str(name) for name in key_columns(table)], "columns": columns}
