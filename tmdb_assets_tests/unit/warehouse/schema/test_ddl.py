"""The committed SQL is fresh and commented."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.assets.describe import column_schema
from tmdb_assets.settings import SQL_DIR
from tmdb_assets.warehouse.schema.ddl import schema_sql, view_file
from tmdb_assets.warehouse.schema.vocabulary import metadata

SCHEMA = SQL_DIR / "schema.sql"
VIEWS = sorted((SQL_DIR / "views").glob("*.sql"))
COLUMNS = [col for table in metadata.sorted_tables for col in table.columns]
every_table = pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)


def test_the_committed_schema_is_fresh() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_sql(), "run `make schema` and commit sql/schema.sql"


@every_table
def test_a_tables_comment_starts_with_its_grain(table: sa.Table) -> None:
    assert re.match(r"One row per [^.]+\.", table.comment)
    assert table.info["group"] in {
        "raw",
        "reference",
        "ledger",
        "dimensions",
        "bridges",
        "history",
        "facts",
        "derived",
    } | {"quality"}
    assert f"COMMENT ON TABLE {table.name} IS" in schema_sql()


@pytest.mark.parametrize("col", COLUMNS, ids=lambda col: f"{col.table.name}.{col.name}")
def test_a_column_has_a_comment_that_reaches_the_schema(col: sa.Column[Any]) -> None:
    assert col.comment
    assert col.comment.endswith(".")
    quoted = col.comment.replace("'", "''")
    assert f"COMMENT ON COLUMN {col.table.name}.{col.name} IS '{quoted}'" in schema_sql()


@every_table
def test_the_column_schema_shows_what_is_declared(table: sa.Table) -> None:
    shown = {col.name: col for col in column_schema(table).columns}
    assert list(shown) == [col.name for col in table.columns]
    for col in table.columns:
        made = shown[col.name]
        assert made.description == col.comment
        assert made.constraints.nullable is bool(col.nullable)
        assert made.constraints.unique is (list(table.primary_key.columns) == [col])
        others = [rule.text for rule in col.info["rules"]]
        assert made.constraints.other == others + sorted(
            f"references {key.target_fullname}" for key in col.foreign_keys
        )
        assert made.type in {
            "bigint",
            "smallint",
            "integer",
            "double precision",
            "text",
            "date",
            "boolean",
            "timestamp with time zone",
            "jsonb",
            "uuid",
            "bigint[]",
            "text[]",
            "date[]",
        }


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_a_view_is_in_the_file_of_its_name_with_comments(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert view_file(path.stem) == path
    assert text.startswith(f"create or replace view {path.stem} as\n")
    assert f"comment on view {path.stem} is\n'One row per " in text
