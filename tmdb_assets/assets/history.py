"""The asset of the history of films: what was known of each from which day on."""

import datetime as dt
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.details_tables import conformed
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.history import days_to_load, merge_history
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema import history
from tmdb_assets.warehouse.warehouse import Warehouse


@table_asset(history.movie_history, daily=True, deps=["raw_details", "dim_movie", "dim_language"])
def movie_history(
    context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
) -> Iterator[AssetEvent]:
    """The states of films by the day's details and 404s; the first load also reads the stored answers of other days."""
    day, table = day_of(context), history.movie_history
    days: list[dt.date] = []

    def chunks() -> Iterator[Sequence[Row]]:
        with warehouse.begin() as connection:  # in this load's turn, like the rows
            days.extend(days_to_load(connection, day))
            known = fetch_log.known_films(connection) if len(days) > 1 else set()
        if len(days) > 1:
            context.log.info(f"movie_history is empty: it begins with the stored answers of {len(days)} days")
        for each in days:
            for rows in details.rows(warehouse, each, table.name, is_alone=each != day):
                # Films of a day that is not loaded yet come with that day.
                yield rows if each == day else [row for row in rows if row["movie_id"] in known]

    def merge(connection: sa.Connection) -> MergeCounts:
        return merge_history(connection, days)

    rows = conformed(table, chunks())
    yield from publish(warehouse, table, rows, day=day, day_of=answered_on, merge=merge, is_partial=True)


def answered_on(row: Row) -> dt.date:
    """The day of the answer of a row, also of a rejected one, in which dates are text."""
    return dt.date.fromisoformat(str(row["valid_from"])[:10])
