"""What the UI shows of a table or view: grain, source, columns and where they come from, and an example query."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from dagster import TableColumn, TableColumnConstraints, TableColumnDep, TableColumnLineage, TableSchema

from tmdb_assets.warehouse.schema.views import View
from tmdb_assets.warehouse.schema.vocabulary import metadata, rule_texts, sql_type

BOOKKEEPING = {"as_of_date", "details_date", "removed_date", "inserted_at", "updated_at", "loaded_at", "source"}
"""Columns that a load fills, not TMDb's answers."""


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


def table_lineage(table: sa.Table, made_from: Collection[str]) -> TableColumnLineage:
    """Where each column of a table comes from, as its declaration says: the column of its foreign key, else the raw
    column of that name, else the raw answers, among the assets `made_from`.
    """
    sources: dict[str, list[TableColumnDep]] = {}
    raw = [metadata.tables[name] for name in made_from if name in metadata.tables and name.startswith("raw_")]
    for col in table.columns:
        keys = [TableColumnDep(key.column.table.name, key.column.name) for key in col.foreign_keys]
        same = [TableColumnDep(other.name, col.name) for other in raw if col.name in other.c]
        answers = [
            TableColumnDep(other.name, "payload")
            for other in raw
            if "payload" in other.c and col.name not in BOOKKEEPING
        ]
        if found := [key for key in keys if key.asset_key.to_user_string() in made_from] or same or answers:
            sources[col.name] = found
    return TableColumnLineage(deps_by_column=sources)


def view_lineage(view: View) -> TableColumnLineage:
    """Where each column of a view comes from, as it is declared; only assets count."""
    return TableColumnLineage(
        deps_by_column={
            name: [
                TableColumnDep(table, column)
                for table, column in (source.split(".") for source in sources)
                if table in view.made_of
            ]
            for name, _, sources in view.columns
        }
    )
