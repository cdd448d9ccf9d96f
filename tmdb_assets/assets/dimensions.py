"""The assets of the dimensions: films, and what films share."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    ResourceParam,
)

from tmdb_assets import partitions
from tmdb_assets.assets.day_details import FILMS_A_CHUNK, DayDetails
from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.details_tables import conformed, details_asset, with_reference
from tmdb_assets.assets.publish import AssetEvent, check_result, publish
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.discover import first_movie_rows, language_rows
from tmdb_assets.warehouse.ledger import details_due
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge
from tmdb_assets.warehouse.loading.staging import staging_name
from tmdb_assets.warehouse.schema import dimensions, raw
from tmdb_assets.warehouse.warehouse import Warehouse

REMOVALS_PLAUSIBLE = AssetCheckSpec(
    "removals_plausible",
    asset="dim_movie",
    description="At most 20 films, or 1% of those requested, answered 404. If not: no film was marked as removed; "
    "check whether TMDb has a fault, and run the day again. A film that discover lists the same day is never marked.",
)


def merge_countries(connection: sa.Connection) -> MergeCounts:
    """Merge the staged countries, new ones with their continent from country_continent.

    That table is locked until the transaction ends: a parallel load of it would not see the new countries, nor this
    one the new continents.
    """
    table, continents = dimensions.dim_country, dimensions.country_continent
    connection.execute(sa.text("lock table country_continent in share mode"))
    staged = sa.table(staging_name(table), sa.column("iso_3166_1"), sa.column("continent"))
    connection.execute(
        sa.update(staged).values(continent=continents.c.continent).where(staged.c.iso_3166_1 == continents.c.iso_3166_1)
    )
    return merge(connection, table)


dim_genre = details_asset(dimensions.dim_genre, reference="genre")
dim_company = details_asset(dimensions.dim_company)
dim_person = details_asset(dimensions.dim_person)
dim_keyword = details_asset(dimensions.dim_keyword)
dim_country = details_asset(
    dimensions.dim_country,
    reference="country",
    deps=["country_continent"],
    merge=merge_countries,
    renews_totals=True,
)


@table_asset(dimensions.dim_language, daily=True, deps=["raw_discover", "raw_details", "raw_reference"])
def dim_language(
    context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
) -> Iterator[AssetEvent]:
    """Languages, spoken and original, in their latest state."""
    day, table = day_of(context), dimensions.dim_language

    def chunks() -> Iterator[Sequence[Row]]:
        for films in _discovered(warehouse, day):
            yield language_rows(films, day)
        yield from details.rows(warehouse, day, table.name)

    rows = with_reference(warehouse, "language", table, chunks())
    yield from publish(warehouse, table, conformed(table, rows), day=day, is_partial=True)


@table_asset(
    dimensions.dim_movie,
    daily=True,
    checks=(REMOVALS_PLAUSIBLE,),
    deps=["raw_discover", "raw_details", "dim_language"],
)
def dim_movie(
    context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], details: ResourceParam[DayDetails]
) -> Iterator[AssetEvent]:
    """Films in their latest state: first from discover, then from their details where these are valid."""
    day, table = day_of(context), dimensions.dim_movie
    with warehouse.begin() as connection:
        removals = details_due.removals(connection, day)
    figures: dict[str, Any] = {}

    def chunks() -> Iterator[Sequence[Row]]:
        for films in _discovered(warehouse, day):
            yield first_movie_rows(films, day)
        yield from details.rows(warehouse, day, table.name)

    yield _removals_plausible(removals)

    def merge_and_mark(connection: sa.Connection) -> MergeCounts:
        counts = merge(connection, table)
        # Read in this load's turn, like its rows: others may have been asked since.
        found = details_due.removals(connection, day)
        removed = found.gone if found.are_plausible else frozenset()
        figures["films_removed"] = len(removed)
        marked = details_due.take_back_removals(connection, day, removed)
        marked += details_due.mark_removed(connection, day, removed)
        marked += details_due.mark_removed_later(connection, day)
        return replace(counts, updated=counts.updated + marked)

    yield from publish(
        warehouse,
        table,
        conformed(table, chunks()),
        day=day,
        merge=merge_and_mark,
        renews_totals=True,
        metadata=figures,
    )


def _removals_plausible(removals: details_due.Removals) -> AssetCheckResult:
    text = f"{removals.not_found} of {removals.requested} films answered 404."
    if removals.are_plausible and removals.listed:
        text += f" {len(removals.listed)} of them are not marked, as discover lists them; the next day asks again."
    if not removals.are_plausible:
        text += (
            " So many at once are unlikely, so none was marked as removed. Check whether TMDb has a fault and run the "
            "day again before midnight UTC to request these films again; add --refresh if they are really gone."
        )
    return check_result(
        REMOVALS_PLAUSIBLE,
        removals.are_plausible,
        text,
        AssetCheckSeverity.ERROR,
        requested=removals.requested,
        not_found=removals.not_found,
        not_found_but_listed=len(removals.listed),
    )


def _discovered(warehouse: Warehouse, day: dt.date) -> Iterator[list[dict[str, Any]]]:
    """The day's films as their discover pages returned them, in chunks."""
    discover = raw.raw_discover.c
    query = sa.select(discover.payload).where(discover.snapshot_date == day).order_by(discover.movie_id)
    with warehouse.begin() as connection:
        streamed = connection.execution_options(yield_per=FILMS_A_CHUNK).execute(query)
        for films in streamed.scalars().partitions():
            yield list(films)


# Downstream of TMDb's first answer, so that a wrong token leaves an empty warehouse empty.
@table_asset(dimensions.dim_date, daily=False, deps=["raw_reference"], made_from=["the calendar"])
def dim_date(warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """The calendar, from the first year of the partitions to the end of next year."""
    table = dimensions.dim_date
    rows = calendar_rows(warehouse.settings.tmdb_first_day.year, partitions.today().year + 1)
    yield from publish(warehouse, table, conformed(table, [rows]))
