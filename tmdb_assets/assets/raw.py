"""The raw assets: what TMDb answered for the day. A past day is never asked for: the API has no yesterday."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    Config,
    Failure,
    MaterializeResult,
    ResourceParam,
)
from pydantic import Field

from tmdb_assets.assets.declare import DAILY, day_of, table_asset
from tmdb_assets.assets.fetching import Fetched, Fetcher, fetch_details, fetch_discover, fetch_reference
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.partitions import run_date
from tmdb_assets.progress import Progress
from tmdb_assets.warehouse import books, raw
from tmdb_assets.warehouse.load import Loaded
from tmdb_assets.warehouse.publish import AssetEvent, count_rows, guarded, materialized
from tmdb_assets.warehouse.resource import Warehouse

PAGES_COMPLETE = AssetCheckSpec(
    "pages_complete",
    asset="raw_discover",
    description="Every discover page of the day is stored. If not: run the day again before midnight UTC; only the "
    "missing pages are asked.",
    partitions_def=DAILY,
)


class FetchConfig(Config):
    """How to fetch."""

    refresh: bool = Field(False, description="Ask TMDb again for what is stored already (today only).")


@table_asset(raw.raw_reference, daily=False)
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
            fetcher = Fetcher(warehouse, tmdb.client, today, config.refresh, progress, context.log.info)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_reference(fetcher))
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
            fetcher = Fetcher(warehouse, tmdb.client, day, config.refresh, progress, context.log.info)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_discover(fetcher, tmdb.settings.tmdb_pages))
        else:
            _require_stored(warehouse, day)
        yield _pages_complete(warehouse, day, fetched)
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


@table_asset(raw.raw_details, daily=True, deps=[raw_discover])
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
            fetcher = Fetcher(warehouse, tmdb.client, day, config.refresh, progress, context.log.info)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_details(fetcher))
        if fetched.failed:
            context.log.warning(f"{len(fetched.failed)} films gave no details; they keep what is known of them")
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


def _require_stored(warehouse: Warehouse, day: dt.date) -> None:
    with warehouse.begin() as connection:
        if books.count_rows(connection, raw.raw_discover, day):
            return
    raise Failure(
        description=f"{day} is past and nothing was stored on that day: TMDb's API answers for today only, so the day "
        "cannot be fetched any more. What was there stays.",
        allow_retries=False,
    )


def _stored(warehouse: Warehouse, fetched: Fetched, day: dt.date | None, tmdb: TmdbSource) -> MaterializeResult[Any]:
    table = fetched.loaded.table
    with warehouse.begin() as connection:
        row_count = count_rows(connection, table, day)
    metadata: dict[str, Any] = {"asked": fetched.asked}
    if fetched.asked:
        metadata["requests"] = tmdb.client.stats.snapshot()
    if fetched.failed:
        metadata["failed"] = {str(part): cause for part, cause in list(fetched.failed.items())[:20]}
    return materialized(fetched.loaded, row_count, metadata)


def _pages_complete(warehouse: Warehouse, day: dt.date, fetched: Fetched) -> AssetCheckResult:
    with warehouse.begin() as connection:
        crawl = books.find_crawl(connection, day, "discover")
        pages = books.finished_pages(connection, day, "discover")
    complete = crawl is not None and crawl.is_complete
    text = f"{len(pages)} pages of {day} are stored."
    if not complete:
        unread = ", ".join(map(str, sorted(fetched.failed))) or "unknown"
        text += (
            f" The day is not complete (pages without a readable answer: {unread}). Run it again before midnight UTC."
        )
    return AssetCheckResult(
        passed=complete,
        check_name=PAGES_COMPLETE.name,
        asset_key=AssetKey("raw_discover"),
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"pages_stored": len(pages)},
    )
