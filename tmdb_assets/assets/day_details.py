"""The day's details, read in chunks by rising id and parsed for the tables made from them.

Of most days the rows for all tables stay in memory, as bytes: each answer is read and parsed once. On a longer day each
table reads only the fields that it is made from, chunk by chunk, so that memory does not grow with the day.
"""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from tmdb_assets.tables import own_rows
from tmdb_assets.transforms.appended import Film
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import DETAIL_TABLES, parse_details
from tmdb_assets.transforms.packed import pack
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse

FILMS_A_CHUNK = 500  # with their parts 12 MB, as objects and rows
FILMS_KEPT = 12_000  # whose rows, of recorded answers without releases and keywords, take 40 MB as bytes


class DayDetails:
    """Returns the parsed rows of a day's details by table; keeps those of the last day of at most `films_kept`."""

    def __init__(self, films_a_chunk: int = FILMS_A_CHUNK, films_kept: int = FILMS_KEPT) -> None:
        self._films_a_chunk, self._films_kept = films_a_chunk, films_kept
        self._version: Any = None
        self._chunks: list[dict[str, bytes | Sequence[Row]]] = []

    def rows(
        self, warehouse: Warehouse, day: dt.date, table_name: str, *, is_alone: bool = False
    ) -> Iterator[Sequence[Row]]:
        """The rows for one table, one list per chunk. `is_alone`: no other table will be made from this day."""
        with warehouse.begin() as connection:
            count, fetched_at = _state(connection, day)
        if is_alone or count > self._films_kept:
            made = DETAIL_TABLES.get(table_name)
            for films in self._read(warehouse, day, made.fields if made else ()):
                yield made.rows(films, day) if made else own_rows(films, day)[table_name]
            return
        version = (str(warehouse.url), day, count, fetched_at)
        if version != self._version:
            self._version, self._chunks = None, []
            for films in self._read(warehouse, day):
                texts: dict[str | None, str | None] = {}
                made_of = parse_details(films, day) | own_rows(films, day)
                self._chunks.append({name: _as_bytes(rows, texts) for name, rows in made_of.items()})
            self._version = version
        for chunk in self._chunks:
            rows = chunk[table_name]
            yield pickle.loads(rows) if isinstance(rows, bytes) else [dict(row) for row in rows]  # noqa: S301 - our own

    def _read(self, warehouse: Warehouse, day: dt.date, fields: tuple[str, ...] = ()) -> Iterator[list[Film]]:
        """The day's payloads in chunks, each in its own transaction; with `fields`, only these fields of each film."""
        payload: sa.ColumnElement[Any] = raw_details.c.payload
        if fields:
            payload = sa.func.jsonb_build_object(*(part for name in fields for part in (name, payload[name])))
        query = (
            sa.select(raw_details.c.movie_id, payload)
            .where(raw_details.c.snapshot_date == day, raw_details.c.status_code == 200)
            .order_by(raw_details.c.movie_id)
            .limit(self._films_a_chunk)
        )
        last = 0
        while True:
            with warehouse.begin() as connection:
                found = connection.execute(query.where(raw_details.c.movie_id > last)).all()
            if not found:
                return
            last = found[-1][0]
            yield [row[1] for row in found]


def _as_bytes(rows: Sequence[Row], texts: dict[str | None, str | None]) -> bytes | Sequence[Row]:
    """Rows by column, with each text once; as they are where an own table's have a value of a kind without bytes."""
    try:
        return pickle.dumps(pack(rows, texts), pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return rows


def _state(connection: sa.Connection, day: dt.date) -> tuple[int, dt.datetime | None]:
    """The number of answers and the latest time of one: they change whenever the day's raw rows do."""
    columns = (sa.func.count(), sa.func.max(raw_details.c.fetched_at))
    count, fetched_at = connection.execute(sa.select(*columns).where(raw_details.c.snapshot_date == day)).one()
    return count, fetched_at
