"""Arrays of Postgres as Arrow lists, and types without a counterpart."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.export.arrow import arrow_schema, arrow_type, parse_rows, rows_query
from tmdb_assets.warehouse.schema.vocabulary import column

TABLE = sa.Table(
    "made_up",
    sa.MetaData(),
    column("code", "text", "The code.", key=True),
    sa.Column("ids", sa.ARRAY(sa.BigInteger), comment="Ids."),
    sa.Column("dates", sa.ARRAY(sa.Date), nullable=False, comment="Dates."),
    comment="One row per code.",
)


def test_arrays_become_lists() -> None:
    schema = arrow_schema(TABLE, {"source": "TMDb"})
    content = b'"a,b",1\x1f-2,2026-07-01\nb,"",""\nc,,2026-07-01\x1f0001-12-31\n'
    assert parse_rows(content, schema).to_pylist() == [
        {"code": "a,b", "ids": [1, -2], "dates": [dt.date(2026, 7, 1)]},
        {"code": "b", "ids": [], "dates": []},
        {"code": "c", "ids": None, "dates": [dt.date(2026, 7, 1), dt.date(1, 12, 31)]},
    ]
    assert 'ORDER BY made_up.code COLLATE "C"' in rows_query(TABLE, None, None)
    assert "array_to_string(made_up.ids, '\x1f')" in rows_query(TABLE, None, None)
    with pytest.raises(ValueError, match="null values"):
        parse_rows(b"d,1,\n", schema)


def test_a_type_without_counterpart_is_named() -> None:
    with pytest.raises(LookupError, match="no Arrow type for Interval"):
        arrow_type(sa.Interval())
