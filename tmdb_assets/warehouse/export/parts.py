"""The files of an export, before they are written: their rows, and a digest of what these depend on."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from tmdb_assets.warehouse.export.features import DAYS_BEFORE, read_sources
from tmdb_assets.warehouse.schema import ddl  # noqa: F401 - fills `metadata`
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.vocabulary import day_column, metadata

Days = tuple[dt.date, dt.date]
# Every version of a row has the number of the transaction that wrote it, so a change of any kind changes these counts.
WRITERS = """
select
    coalesce(sum(w.rows), 0)::bigint,
    md5(string_agg(w.writer || ' ' || w.rows, ',' order by w.writer collate "C"))
from (select xmin::text as writer, count(*) as rows from {table} where {where} group by xmin) as w
"""
# Numbers of transactions are those of one server, and of one database of it after a restore.
DATABASE = """
select c.system_identifier::text || ' ' || d.oid
from pg_control_system() as c cross join pg_database as d where d.datname = current_database()
"""


@dataclass(frozen=True)
class Part:
    """One file to be: its table, and the days of its rows for a table by month."""

    name: str
    table: sa.Table
    days: Days | None

    @property
    def is_computed(self) -> bool:
        """Whether its rows come from a function of the days, and not from a table."""
        return self.table.name not in metadata.tables


def exported_tables() -> list[sa.Table]:
    """The declared tables that readers may read, by name, without the record of runs, which each run changes."""
    tables = (table for table in metadata.tables.values() if table.info["for_readers"])
    return sorted((table for table in tables if table.info["group"] != "quality"), key=lambda t: t.name)


def split(tables: Iterable[sa.Table], days: Days) -> Iterator[Part]:
    """The files of these tables: one for each month of a table by month, one for any other."""
    for table in tables:
        if table.info["partition_unit"] != "month":
            yield Part(f"{table.name}.parquet", table, None)
            continue
        start = days[0]
        while start <= days[1]:
            following = (start.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
            end = min(days[1], following - dt.timedelta(days=1))
            yield Part(f"{table.name}/{start:%Y-%m}.parquet", table, (start, end))
            start = following


def read_state(connection: sa.Connection, part: Part, schema: str) -> tuple[int, str]:
    """The number of a part's rows, and a digest of them, of its schema and of the database."""
    if part.is_computed and part.days is not None:
        first, last = part.days
        rows, writers = _writers(connection, fact_movie_daily, part.days)
        before = first - dt.timedelta(days=DAYS_BEFORE), first - dt.timedelta(days=1)
        found = [writers, _writers(connection, fact_movie_daily, before), *read_sources(connection, first, last)]
    else:
        rows, *found = _writers(connection, part.table, part.days)
    found += [connection.scalar(sa.text(DATABASE)), str(part.days), schema]
    return rows, hashlib.sha256(orjson.dumps(found)).hexdigest()[:32]


def _writers(connection: sa.Connection, table: sa.Table, days: Days | None) -> tuple[int, str | None]:
    day = day_column(table)
    where = "true" if days is None or day is None else f"{day.name} between date '{days[0]}' and date '{days[1]}'"
    rows, digest = connection.execute(sa.text(WRITERS.format(table=table.name, where=where))).one()
    return rows, digest
