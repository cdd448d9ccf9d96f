"""The day's details, read and parsed once a run for all tables that are made from them.

Payloads are read in chunks of at most 5,000 films by rising id. One chunk stays in memory; of a longer day the rows of
every chunk wait in temporary files, one a table, so that memory does not grow with the day.
"""

from __future__ import annotations

import datetime as dt
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tmdb_assets.tables import own_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import parse_details
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse

FILMS_A_CHUNK = 5000
Chunk = dict[str, list[Row]]


class DayDetails:
    """Gives the parsed rows of a day's details by table; keeps the last day asked for."""

    def __init__(self, films_a_chunk: int = FILMS_A_CHUNK) -> None:
        self._films_a_chunk = films_a_chunk
        self._version: Any = None
        self._in_memory: Chunk | None = None
        self._files: list[dict[str, Path]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def rows(self, warehouse: Warehouse, day: dt.date, table_name: str) -> Iterator[list[Row]]:
        """The rows for one table, a list a chunk; parses the day if it is not the one at hand."""
        with warehouse.begin() as connection:
            version = (str(warehouse.url), day, *_state(connection, day))
            if version != self._version:
                self._parse(connection, day)
                self._version = version
        if self._in_memory is not None:
            yield self._in_memory[table_name]
        for files in self._files:
            yield pickle.loads(files[table_name].read_bytes())  # noqa: S301 - written by this very process

    def close(self) -> None:
        """Forget the day at hand and delete its files."""
        self._version, self._in_memory, self._files = None, None, []
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _parse(self, connection: sa.Connection, day: dt.date) -> None:
        self.close()
        query = (
            sa.select(raw_details.c.payload)
            .where(raw_details.c.snapshot_date == day, raw_details.c.status_code == 200)
            .order_by(raw_details.c.movie_id)
        )
        streamed = connection.execution_options(yield_per=self._films_a_chunk).execute(query)
        for payloads in streamed.scalars().partitions():
            chunk = parse_details(payloads, day) | own_rows(payloads, day)
            if self._in_memory is None and not self._files:
                self._in_memory = chunk
                continue
            if self._in_memory is not None:
                self._spill(self._in_memory)
                self._in_memory = None
            self._spill(chunk)

    def _spill(self, chunk: Chunk) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tmdb-assets-")
        files = {}
        for table_name, rows in chunk.items():
            path = Path(self._folder.name) / f"{len(self._files):05d}_{table_name}.pickle"
            path.write_bytes(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL))
            files[table_name] = path
        self._files.append(files)


def _state(connection: sa.Connection, day: dt.date) -> tuple[Any, ...]:
    """What changes whenever the day's raw rows change."""
    columns = (sa.func.count(), sa.func.max(raw_details.c.fetched_at))
    return tuple(connection.execute(sa.select(*columns).where(raw_details.c.snapshot_date == day)).one())
