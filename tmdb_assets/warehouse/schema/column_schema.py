"""A table's declaration as the Dagster UI shows it: columns with type, comment and constraints."""

from __future__ import annotations

import sqlalchemy as sa
from dagster import TableColumn, TableColumnConstraints, TableSchema
from sqlalchemy.dialects import postgresql


def column_schema(table: sa.Table) -> TableSchema:
    """The `dagster/column_schema` of a table, known before it is first materialized."""
    dialect = postgresql.dialect()
    return TableSchema(
        columns=[
            TableColumn(
                col.name,
                str(col.type.compile(dialect=dialect)).lower(),
                description=col.comment,
                constraints=TableColumnConstraints(
                    nullable=bool(col.nullable),
                    unique=len(table.primary_key.columns) == 1 and col.primary_key,
                    other=[rule.text for rule in col.info["rules"]]
                    + [f"references {key.target_fullname}" for key in col.foreign_keys],
                ),
            )
            for col in table.columns
        ]
    )
