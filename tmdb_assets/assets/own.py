"""The assets of your own tables, which are declared in `tmdb_assets/tables/`."""

from collections.abc import Iterator

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.bridges import build_bridge, linked_tables
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.declare import AssetBuilder, day_of, table_asset
from tmdb_assets.assets.dimensions import conformed
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.tables import own_tables
from tmdb_assets.warehouse.warehouse import Warehouse


def build_dimension(table: sa.Table) -> AssetBuilder:
    """The asset of a dimension that the day's details fill, downstream of the tables it refers to."""

    @table_asset(table, daily=True, deps=["raw_details", *linked_tables(table)])
    def dimension(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
    ) -> Iterator[AssetEvent]:
        day = day_of(context)
        frames = conformed(table, details.rows(warehouse, day, table.name))
        yield from publish(warehouse, table, frames, day=day, is_partial=True)

    return dimension


own_assets = [
    (build_bridge if own.table.info["group"] == "bridges" else build_dimension)(own.table) for own in own_tables()
]
