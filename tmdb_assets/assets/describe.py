"""What the UI shows of a table or view: grain, source, columns, and an example query."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from dagster import TableColumn, TableColumnConstraints, TableSchema

from tmdb_assets.warehouse.schema.vocabulary import rule_texts, sql_type


def describe_rows(name: str, comment: str, made_from: Sequence[str]) -> str:
    """The description of a table or view: its comment, whose first sentence is the grain, its source, and a query.

    The assets that it is made from are named only where the comment does not name its source itself.
    """
    has_source = "Source:" in comment or not made_from
    source = [] if has_source else [f"Made from {', '.join(made_from)}."]
    return "\n\n".join([comment, *source, f"Example: `select * from {name} limit 20`"])


def column_schema(table: sa.Table) -> TableSchema:
    """The `dagster/column_schema` of a table: known from its declaration before it is first materialized."""
    is_unique = len(table.primary_key.columns) == 1
    return TableSchema(
        columns=[
            TableColumn(
                col.name,
                sql_type(col),
                description=col.comment,
                constraints=TableColumnConstraints(
                    nullable=bool(col.nullable), unique=is_unique and col.primary_key, other=rule_texts(col)
                ),
            )
            for col in table.columns
        ]
    )
