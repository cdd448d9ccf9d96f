"""The bridges: a film's links, replaced as a whole with the film's newest details."""

from collections.abc import Iterator
from functools import partial

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.declare import AssetBuilder, day_of, table_asset
from tmdb_assets.assets.dimensions import conformed
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.warehouse.loading.merge import replace_links
from tmdb_assets.warehouse.schema.bridges import BRIDGES, bridge_movie_country, bridge_movie_genre
from tmdb_assets.warehouse.warehouse import Warehouse


def linked_tables(table: sa.Table) -> list[str]:
    """The names of the tables that a table's foreign keys refer to."""
    return sorted({key.column.table.name for key in table.foreign_keys} - {table.name})


def build_bridge(table: sa.Table) -> AssetBuilder:
    """The asset of one bridge, downstream of the dimensions it links."""

    @table_asset(table, daily=True, deps=["raw_details", *linked_tables(table)])
    def bridge(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
    ) -> Iterator[AssetEvent]:
        day = day_of(context)
        frames = conformed(table, details.rows(warehouse, day, table.name))
        merge = partial(replace_links, bridge=table, day=day)
        yield from publish(
            warehouse,
            table,
            frames,
            day=day,
            merge=merge,
            is_partial=True,
            renews_totals=table in (bridge_movie_genre, bridge_movie_country),
        )

    return bridge


bridge_assets = [build_bridge(table) for table in BRIDGES]
