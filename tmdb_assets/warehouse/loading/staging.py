"""COPY to a staging table private to the session, and the queries on it before the merge.

Binary COPY is used when every column has a binary form: three times as fast as text. JSON is copied as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from tmdb_assets.transforms.conform import Columns, Row
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns

if TYPE_CHECKING:
    import pandas as pd

# Postgres's names. Frames' values for other types (jsonb, uuid) cannot be packed by the driver: they go as text.
BINARY_TYPES = {
    "bigint",
    "boolean",
    "date",
    "double precision",
    "integer",
    "smallint",
    "text",
    "timestamp with time zone",
    "bigint[]",
    "date[]",
    "text[]",
}


def staging_name(table: sa.Table) -> str:
    """The name of the table's staging table."""
    return f"stage_{table.name}"


def staging_sequence(table: sa.Table) -> str:
    """The sequence that numbers the rows of the staging table in the order they were staged."""
    return f"pg_temp.{staging_name(table)}_staged_number_seq"


def create_staging(connection: sa.Connection, table: sa.Table) -> None:
    """Create the staging table: the frame's columns without constraints, dropped at the end of the transaction."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _types(connection, table).items())
    connection.exec_driver_sql(
        f"create temp table {staging_name(table)} "
        f"(staged_number bigint generated always as identity, {columns}) on commit drop"
    )


def _types(connection: sa.Connection, table: sa.Table) -> dict[str, str]:
    """The SQL type of each column of a frame."""
    return {name: table.c[name].type.compile(dialect=connection.dialect).lower() for name in frame_columns(table)}


def stage(connection: sa.Connection, table: sa.Table, rows: Columns | pd.DataFrame) -> None:
    """COPY rows that have passed their contract into the staging table."""
    types = _types(connection, table)
    kinds = frame_columns(table)
    if isinstance(rows, Columns):
        cells = [_json(made) if kinds[name] == "json" else made for name, made in zip(types, rows.cells, strict=True)]
    else:
        cells = [_cells(rows[name], kinds[name]) for name in types]
    is_binary = BINARY_TYPES.issuperset(types.values())
    statement = f"copy {staging_name(table)} ({', '.join(types)}) from stdin"
    cursor = connection.connection.cursor()
    with cursor.copy(f"{statement} (format binary)" if is_binary else statement) as copy:
        if is_binary:
            copy.set_types(list(types.values()))
        for row in zip(*cells, strict=True):
            copy.write_row(row)


def _json(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else orjson.dumps(value).decode() for value in values]


def _cells(series: pd.Series[Any], kind: str) -> Sequence[Any]:
    """A column as Python values, None for missing; JSON as text."""
    if kind == "json":
        return _json(series)
    missing = series.isna().to_numpy()
    values: list[Any] = series.tolist()
    if not missing.any():
        return values
    return [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]


def reject_orphans(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Row, str, Any]]:
    """Remove staged rows whose parent row, in another table, is missing; yield (row, broken rule, value)."""
    keys = (key for key in table.foreign_keys if key.column.table is not table)
    for key in sorted(keys, key=lambda key: key.parent.name):  # a set has no stable order
        name, parent = key.parent.name, key.column.table.name
        taken = connection.exec_driver_sql(
            f"delete from {staging_name(table)} as s where s.{name} is not null and not exists "
            f"(select 1 from {parent} as p where p.{key.column.name} = s.{name}) "
            "returning to_jsonb(s) - 'staged_number', s." + name
        )
        for row, value in taken:
            yield row, f"{name} is in {parent}", value


def count_standing(connection: sa.Connection, table: sa.Table) -> int:
    """The number of the table's rows that are not staged, which a merge leaves unchanged."""
    same_key = " and ".join(f"s.{name} = t.{name}" for name in key_columns(table))
    counted = sa.text(
        f"select count(*) from {table.name} as t "
        f"where not exists (select 1 from {staging_name(table)} as s where {same_key})"
    )
    return int(connection.scalar(counted) or 0)
