"""The raw assets: what TMDb answered for the day. A past day is never asked for: the API has no yesterday."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

from dagster import AssetExecutionContext, Config, MaterializeResult, ResourceParam
from pydantic import Field

from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.failures import MissingDayError
from tmdb_assets.assets.publish import AssetEvent, count_rows, guarded, materialized
from tmdb_assets.assets.raw_checks import (
    DETAILS_COMPLETE,
    EXPORT_STORED,
    LISTS_STORED,
    PAGES_COMPLETE,
    details_complete,
    export_stored,
    lists_stored,
    pages_complete,
)
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.errors.problem import UNCHANGED
from tmdb_assets.fetch.catalogue import fetch_catalogue
from tmdb_assets.fetch.details import fetch_details
from tmdb_assets.fetch.discover import fetch_discover
from tmdb_assets.fetch.export import fetch_export_day
from tmdb_assets.fetch.progress import Progress
from tmdb_assets.fetch.reference import fetch_reference
from tmdb_assets.fetch.step import Fetched, Fetcher
from tmdb_assets.orchestration.gaps import note_gone
from tmdb_assets.partitions import run_date
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.warehouse import Warehouse


class FetchConfig(Config):
    """How to fetch."""

    refresh: bool = Field(
        False, description="Ask TMDb again for what is stored already; of a past day, for its id export alone."
    )


@table_asset(raw.raw_reference, daily=False, checks=(LISTS_STORED,))
def raw_reference(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """TMDb's own lists; asked only by a run for today, at most once in seven days."""
    today = run_date(context.run.run_id)
    is_past = context.has_partition_key and day_of(context) != today
    fetched = Fetched(Loaded(raw.raw_reference))
    with guarded(raw.raw_reference.name) as refused:
        if not is_past:
            fetcher = _fetcher(context, warehouse, tmdb, progress, today, config)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_reference(fetcher))
        yield lists_stored(fetched)
        yield _stored(warehouse, fetched, None, tmdb)
    yield from refused.events


@table_asset(raw.raw_discover, daily=True, checks=(PAGES_COMPLETE,))
def raw_discover(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The day's films by popularity, page by page."""
    day = day_of(context)
    fetched = Fetched(Loaded(raw.raw_discover))
    with guarded(raw.raw_discover.name) as refused:
        if day == run_date(context.run.run_id):
            fetcher = _fetcher(context, warehouse, tmdb, progress, day, config)
            pages = tmdb.settings.tmdb_pages
            fetched = tmdb.ask(
                context.run.run_id,
                lambda: fetch_catalogue(fetcher) if pages == "all" else fetch_discover(fetcher, pages),
            )
        yield pages_complete(warehouse, day, fetched)
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


@table_asset(raw.raw_details, daily=True, deps=["raw_discover"], checks=(DETAILS_COMPLETE,))
def raw_details(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The details of the day's films."""
    day = day_of(context)
    fetched = Fetched(Loaded(raw.raw_details))
    with guarded(raw.raw_details.name) as refused:
        if day == run_date(context.run.run_id):
            max_age = tmdb.settings.tmdb_details_max_age_days
            fetcher = _fetcher(context, warehouse, tmdb, progress, day, config)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_details(fetcher, max_age))
        yield details_complete(warehouse, day, fetched)
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


@table_asset(raw.raw_export, daily=True, deps=["raw_discover"], checks=(EXPORT_STORED,))
def raw_export(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The popularity of every known film in the day's id export: the only history that TMDb offers."""
    day, today = day_of(context), run_date(context.run.run_id)
    fetched, problem, is_past = Fetched(Loaded(raw.raw_export)), None, day != today
    with guarded(raw.raw_export.name) as refused:
        if not is_past or config.refresh or _needs_export(warehouse, day):
            fetcher = _fetcher(context, warehouse, tmdb, progress, day, config)
            try:
                fetched = fetch_export_day(fetcher, tmdb.export, is_past=is_past)
            except TmdbError as error:
                problem = error
                if isinstance(error, ExportGoneError):
                    note_gone(context.instance, context.run.run_id, tmdb.settings.export_url)
                if is_past:
                    _require_other_source(warehouse, day, error)
        yield export_stored(warehouse, day, problem, is_past=is_past)
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


def _fetcher(
    context: AssetExecutionContext,
    warehouse: Warehouse,
    tmdb: TmdbSource,
    progress: Progress,
    day: dt.date,
    config: FetchConfig,
) -> Fetcher:
    """What a fetching step needs; the client's figures are from now on those of this asset."""
    tmdb.take_figures()
    # Lines for the run's log that whoever watches the console sees as well.
    say = partial(progress.note, say=context.log.info)
    tmdb.client.say = say  # also when the pace goes down or a long wait begins
    return Fetcher(warehouse, tmdb.client, day, config.refresh, progress, say)


def _needs_export(warehouse: Warehouse, day: dt.date) -> bool:
    """Whether a past day lacks discover rows: a day that was asked whole is rebuilt without a request."""
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "discover")
        if crawl is not None and crawl.is_complete:
            return False
        if fetch_log.known_films(connection):
            return True
    cause = "its id export has popularity only, and no film is known yet"
    raise MissingDayError(
        f"{day} cannot be loaded: {cause}", kept=UNCHANGED, action="Load today first (tmdb-assets run)", cause=cause
    )


def _require_other_source(warehouse: Warehouse, day: dt.date, error: TmdbError) -> None:
    """A past day needs its export, now or from before, or stored discover rows: nothing else tells what TMDb showed."""
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "export")
        if (crawl is not None and crawl.is_complete) or fetch_log.count_rows(connection, raw.raw_discover, day):
            return
    raise MissingDayError.without_export(day, error.problem) from error


def _stored(warehouse: Warehouse, fetched: Fetched, day: dt.date | None, tmdb: TmdbSource) -> MaterializeResult[Any]:
    table = fetched.loaded.table
    with warehouse.begin() as connection:
        row_count = count_rows(connection, table, day)
    metadata: dict[str, Any] = {"requested": fetched.requested}
    if figures := tmdb.take_figures():
        metadata["requests"] = figures
    if fetched.due:
        metadata |= {f"due_{reason}": count for reason, count in fetched.due.items()}
    if fetched.lines:
        metadata |= {"export_lines": fetched.lines, "export_lines_skipped": fetched.skipped}
    if fetched.unseen is not None:
        metadata["films_discover_does_not_show"] = fetched.unseen
    if fetched.failed:
        metadata["failed"] = {str(part): cause for part, cause in list(fetched.failed.items())[:20]}
    return materialized(fetched.loaded, row_count, metadata)
