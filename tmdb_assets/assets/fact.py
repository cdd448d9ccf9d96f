"""The asset of the fact: each film's popularity and votes per day; the same transaction updates its latest state."""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.details_tables import conformed
from tmdb_assets.assets.failures import MissingDayError
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.discover import fact_rows
from tmdb_assets.warehouse.ledger.check_results import forget_unneeded
from tmdb_assets.warehouse.loading.latest_state import ensure_day, keep_latest
from tmdb_assets.warehouse.loading.load import count_rows
from tmdb_assets.warehouse.schema import fact
from tmdb_assets.warehouse.warehouse import Warehouse

ROWS_A_CHUNK = 50_000

# The day's discover rows, and for known films outside discover the popularity of the day's export.
MEASURES = """
select movie_id, popularity, vote_average, vote_count, 'discover' as source
from raw_discover
where snapshot_date = :day
union all
select e.movie_id, e.popularity, null, null, 'export'
from raw_export as e
where e.snapshot_date = :day
and not exists (select 1 from raw_discover as d where d.snapshot_date = :day and d.movie_id = e.movie_id)
order by movie_id
"""


@table_asset(fact.fact_movie_daily, daily=True, deps=["raw_discover", "raw_export", "dim_movie", "dim_date"])
def fact_movie_daily(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """The day's facts from its discover and export rows. Raises `MissingDayError` for a day that would have none."""
    day, table = day_of(context), fact.fact_movie_daily
    with warehouse.begin() as connection:
        ensure_day(connection, day)
    frames = conformed(table, _measures(warehouse, day))
    yield from publish(warehouse, table, frames, day=day, afterwards=partial(_keep_day, day=day))


def _keep_day(connection: sa.Connection, day: dt.date) -> None:
    if not count_rows(connection, fact.fact_movie_daily, day):  # a loaded day keeps its facts without its answers
        raise MissingDayError(
            f"{day} cannot be loaded: neither discover nor the id export of that day brought a known film",
            cause="no film of the day is stored",
        )
    forget_unneeded(connection, day)
    keep_latest(connection, day)


def _measures(warehouse: Warehouse, day: dt.date) -> Iterator[list[Row]]:
    with warehouse.begin() as connection:
        streamed = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(sa.text(MEASURES), {"day": day})
        for chunk in streamed.partitions(ROWS_A_CHUNK):
            yield fact_rows((tuple(row) for row in chunk), day)
