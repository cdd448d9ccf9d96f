"""The fact: popularity and votes of every film, every day; in the same transaction, each film's latest state."""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.dimensions import conformed
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.discover import fact_rows
from tmdb_assets.warehouse import fact, raw
from tmdb_assets.warehouse.latest import keep_latest
from tmdb_assets.warehouse.publish import AssetEvent, publish
from tmdb_assets.warehouse.resource import Warehouse

ROWS_A_CHUNK = 50_000


@table_asset(fact.fact_movie_daily, daily=True, deps=["raw_discover", "dim_movie", "dim_date"])
def fact_movie_daily(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """The day's facts from its discover rows."""
    day, table = day_of(context), fact.fact_movie_daily
    frames = conformed(table, _measures(warehouse, day))
    yield from publish(warehouse, table, frames, day=day, afterwards=partial(keep_latest, day=day))


def _measures(warehouse: Warehouse, day: dt.date) -> Iterator[list[Row]]:
    discover = raw.raw_discover.c
    query = (
        sa.select(discover.movie_id, discover.popularity, discover.vote_average, discover.vote_count)
        .where(discover.snapshot_date == day)
        .order_by(discover.movie_id)
    )
    with warehouse.begin() as connection:
        for chunk in connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query).partitions():
            yield fact_rows((tuple(row) for row in chunk), day)
