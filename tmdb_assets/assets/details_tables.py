"""The assets of tables filled only from a day's details: bridges, most dimensions and your own tables."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.declare import AssetBuilder, day_of, table_asset
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.tables import own_tables
from tmdb_assets.transforms.conform import Conformed, Row, conform
from tmdb_assets.transforms.reference import Named, apply_reference, reference_rows
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.merge import MergeCounts, replace_links
from tmdb_assets.warehouse.schema.bridges import BRIDGES, bridge_movie_country, bridge_movie_genre
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns
from tmdb_assets.warehouse.warehouse import Warehouse


def details_asset(
    table: sa.Table,
    *,
    reference: str | None = None,
    deps: Sequence[str] = (),
    merge: Callable[[sa.Connection], MergeCounts] | None = None,
    renews_totals: bool = False,
) -> AssetBuilder:
    """The asset of a table filled from the day's details, downstream of the tables that it references.

    `reference` is the kind of TMDb's own list that its names come from, `deps` are further upstream assets. A bridge's
    links are replaced film by film; other rows are merged as the table declares, or by `merge`.
    """
    sources = ["raw_details", *(["raw_reference"] if reference else ()), *linked_tables(table), *deps]
    is_bridge = table.info["group"] == "bridges"

    @table_asset(table, daily=True, deps=sources)
    def load_details(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
    ) -> Iterator[AssetEvent]:
        day = day_of(context)
        rows = details.rows(warehouse, day, table.name)
        if reference:
            rows = with_reference(warehouse, reference, table, rows)
        yield from publish(
            warehouse,
            table,
            conformed(table, rows),
            day=day,
            merge=(lambda connection: replace_links(connection, bridge=table, day=day)) if is_bridge else merge,
            is_partial=True,
            renews_totals=renews_totals,
        )

    return load_details


def linked_tables(table: sa.Table) -> list[str]:
    """The names of the tables that a table's foreign keys refer to."""
    return sorted({key.column.table.name for key in table.foreign_keys} - {table.name})


def conformed(table: sa.Table, chunks: Iterable[Sequence[Row]]) -> Iterator[Conformed]:
    """Chunks of rows as frames for a table."""
    columns, key = frame_columns(table), tuple(key_columns(table))
    for rows in chunks:
        yield conform(rows, columns, key=key)


def with_reference(
    warehouse: Warehouse, kind: str, table: sa.Table, chunks: Iterable[Sequence[Row]]
) -> Iterator[Sequence[Row]]:
    """TMDb's own list of that kind, then the given rows, with the list's names where it has them."""
    (key,) = key_columns(table)
    with warehouse.begin() as connection:
        stored = fetch_log.read_reference(connection, kind)
    reference: dict[Any, Named] = dict(stored)
    if frame_columns(table)[key] == "integer":  # an earlier version stored any code
        reference = {int(code): named for code, named in stored.items() if code.isdecimal()}
    yield reference_rows(reference, key)
    for rows in chunks:
        yield apply_reference(rows, reference, key)


bridge_assets = [
    details_asset(table, renews_totals=table in (bridge_movie_genre, bridge_movie_country)) for table in BRIDGES
]
own_assets = [details_asset(own.table) for own in own_tables()]
