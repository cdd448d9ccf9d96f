"""Declared tables as Arrow: the schema of a table's declaration, and its rows, read by COPY."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.warehouse.schema.vocabulary import day_column, key_columns

if TYPE_CHECKING:
    import pyarrow as pa

READ_AT_ONCE = 8_192  # rows of COPY that are parsed together
ROWS_A_GROUP, BYTES_A_GROUP = 122_880, 32_000_000  # of one row group, whichever is reached first
SEPARATOR = "\x1f"  # between the items of an array; no id or code has it


def arrow_schema(table: sa.Table, about: dict[str, str]) -> pa.Schema:
    """The Arrow schema of a declared table: types, nullability and comments; the table's own comment, key and `about`.

    Columns and schema have their comment as metadata, under `comment`.
    """
    import pyarrow as pa

    fields = [
        pa.field(col.name, arrow_type(col.type), nullable=bool(col.nullable), metadata={"comment": col.comment or ""})
        for col in table.columns
    ]
    return pa.schema(fields, {"comment": table.comment or "", "key": ", ".join(key_columns(table)), **about})


def arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    """The Arrow type of an SQL type. Raises `LookupError` for one that no declaration has."""
    import pyarrow as pa

    if isinstance(kind, sa.ARRAY):
        return pa.list_(arrow_type(kind.item_type))
    types: dict[type[sa.types.TypeEngine[Any]], pa.DataType] = {
        sa.SmallInteger: pa.int16(),
        sa.BigInteger: pa.int64(),
        sa.Integer: pa.int32(),
        sa.Double: pa.float64(),
        sa.Text: pa.string(),
        sa.Date: pa.date32(),
        sa.Boolean: pa.bool_(),
        sa.DateTime: pa.timestamp("us", tz="UTC"),
        postgresql.JSONB: pa.string(),
    }
    for sql, arrow in types.items():
        if isinstance(kind, sql):
            return arrow
    raise LookupError(f"no Arrow type for {kind!r}")


def rows_query(table: sa.Table, first: dt.date | None, last: dt.date | None, *, is_computed: bool = False) -> str:
    """The SELECT of a table's rows in key order, of the days from `first` to `last` where these are given.

    The order of texts is that of their bytes, on every server. `is_computed`: the table is the result of a function of
    these days with its name.
    """
    relation: sa.FromClause = table
    if is_computed:
        call = getattr(sa.func, table.name)(first, last)
        relation = call.table_valued(*(sa.column(col.name, col.type) for col in table.columns), name=table.name)
    columns: list[Any] = [
        sa.func.array_to_string(col, SEPARATOR).label(col.name) if isinstance(col.type, sa.ARRAY) else col
        for col in relation.columns
    ]
    keys = [relation.columns[name] for name in key_columns(table)]
    query = sa.select(*columns).order_by(*(key.collate("C") if isinstance(key.type, sa.Text) else key for key in keys))
    day = day_column(table)
    if first is not None and last is not None and day is not None and not is_computed:
        query = query.where(day.between(first, last))
    return str(query.compile(dialect=postgresql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}))


def read_rows(connection: sa.Connection, query: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of a query as Arrow tables, each for one row group; COPY's CSV holds every value exactly."""
    import pyarrow as pa

    parts: list[pa.Table] = []
    # One message of COPY is one row: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
    with connection.connection.cursor().copy(f"copy ({query}) to stdout (format csv)") as copy:
        rows = iter(copy)
        while content := b"".join(islice(rows, READ_AT_ONCE)):
            parts.append(parse_rows(content, schema))
            if sum(len(part) for part in parts) >= ROWS_A_GROUP or sum(part.nbytes for part in parts) >= BYTES_A_GROUP:
                yield pa.concat_tables(parts)
                parts.clear()
    if parts:
        yield pa.concat_tables(parts)


def parse_rows(content: bytes, schema: pa.Schema) -> pa.Table:
    """Rows of COPY's CSV, in which arrays are joined by `SEPARATOR`, as an Arrow table of that schema."""
    import pyarrow as pa
    from pyarrow import csv

    types = {field.name: pa.string() if pa.types.is_list(field.type) else field.type for field in schema}
    parsed = csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=len(content) + 1, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],  # unquoted; an empty text is quoted
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    columns = [
        _to_lists(column, field.type) if pa.types.is_list(field.type) else column
        for column, field in zip(parsed.columns, schema, strict=True)
    ]
    # Checks that no column without NULLs has one.
    return pa.table(columns, names=schema.names).cast(schema)


def _to_lists(texts: pa.ChunkedArray, kind: pa.ListType) -> pa.Array:
    """Lists from the texts that `array_to_string` makes of arrays; an empty text is an empty list."""
    import pyarrow as pa
    from pyarrow import compute

    joined = texts.combine_chunks()
    items = compute.split_pattern(joined, SEPARATOR)
    lengths = compute.if_else(compute.equal(joined, ""), 0, compute.list_value_length(items)).fill_null(0)
    filled = items.filter(compute.not_equal(joined, "").fill_null(False))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), compute.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, filled.flatten().cast(kind.value_type), mask=joined.is_null())
