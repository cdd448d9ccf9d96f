"""The raw assets: what TMDb answered for the day. A past day is never asked for: the API has no yesterday."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
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

from tmdb_assets import partitions
from tmdb_assets.assets.declare import DAILY, day_of, table_asset
from tmdb_assets.assets.fetch_catalogue import fetch_catalogue
from tmdb_assets.assets.fetch_details import fetch_details
from tmdb_assets.assets.fetch_discover import fetch_discover
from tmdb_assets.assets.fetch_export import fetch_export_day
from tmdb_assets.assets.fetch_reference import fetch_reference
from tmdb_assets.assets.fetching import Fetched, Fetcher
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.partitions import run_date
from tmdb_assets.progress import Progress
from tmdb_assets.tmdb.errors import TmdbError
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


LISTS_STORED = AssetCheckSpec(
    "lists_stored",
    asset="raw_reference",
    description="TMDb's lists of genres, countries and languages could be had when they were asked. If not: what was "
    "stored of them stays, and the next run asks again.",
)
EXPORT_STORED = AssetCheckSpec(
    "export_stored",
    asset="raw_export",
    description="The day's id export is stored. It is written from 07:00 UTC and kept about three months. If not: run "
    "the day again later; until then films outside discover have no fact for the day.",
    partitions_def=DAILY,
)


class FetchConfig(Config):
    """How to fetch."""

    refresh: bool = Field(False, description="Ask TMDb again for what is stored already (today only).")


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
        yield _lists_stored(fetched)
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
            max_age = tmdb.settings.tmdb_details_max_age_days
            fetcher = _fetcher(context, warehouse, tmdb, progress, day, config)
            fetched = tmdb.ask(context.run.run_id, lambda: fetch_details(fetcher, max_age))
        if fetched.failed:
            context.log.warning(f"{len(fetched.failed)} films gave no details; they keep what is known of them")
        yield _stored(warehouse, fetched, day, tmdb)
    yield from refused.events


@table_asset(raw.raw_export, daily=True, deps=[raw_discover], checks=(EXPORT_STORED,))
def raw_export(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The popularity of every known film in the day's id export: the only history that TMDb offers."""
    day, today = day_of(context), run_date(context.run.run_id)
    fetched, problem = Fetched(Loaded(raw.raw_export)), None
    with guarded(raw.raw_export.name) as refused:
        is_asked = day == today or config.refresh or _needs_export(warehouse, day)
        if is_asked:
            fetcher = _fetcher(context, warehouse, tmdb, progress, day, config)
            try:
                fetched = fetch_export_day(fetcher, tmdb.export, is_catalogue=tmdb.settings.tmdb_pages == "all")
            except TmdbError as error:
                problem = str(error)
                _require_other_source(warehouse, day, today, problem)
        yield _export_stored(warehouse, day, problem)
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
    return Fetcher(warehouse, tmdb.client, day, config.refresh, progress, say)


def _needs_export(warehouse: Warehouse, day: dt.date) -> bool:
    """Whether a past day lacks discover rows: a day that was asked whole is rebuilt without a request."""
    with warehouse.begin() as connection:
        crawl = books.find_crawl(connection, day, "discover")
        if crawl is not None and crawl.is_complete:
            return False
        if books.known_films(connection):
            return True
    raise Failure(
        description=f"{day} cannot be loaded: its id export has popularity only, and no film is known yet. Load today "
        "first (tmdb-assets run). Nothing was changed.",
        allow_retries=False,
    )


def _require_other_source(warehouse: Warehouse, day: dt.date, today: dt.date, problem: str) -> None:
    """Without its export a past day needs stored discover rows: nothing else tells what TMDb showed then."""
    with warehouse.begin() as connection:
        if day == today or books.count_rows(connection, raw.raw_discover, day):
            return
    raise Failure(
        description=f"{day} cannot be loaded: nothing was stored on that day, and its export is not to be had. "
        f"{problem} What was there stays.",
        allow_retries=False,
    )


def _lists_stored(fetched: Fetched) -> AssetCheckResult:
    text = " ".join(f"{kind}: {cause}" for kind, cause in fetched.failed.items())
    return AssetCheckResult(
        passed=not fetched.failed,
        check_name=LISTS_STORED.name,
        asset_key=AssetKey("raw_reference"),
        severity=AssetCheckSeverity.WARN,
        description=text or "The lists are stored.",
    )


def _export_stored(warehouse: Warehouse, day: dt.date, problem: str | None) -> AssetCheckResult:
    with warehouse.begin() as connection:
        crawl = books.find_crawl(connection, day, "export")
    is_stored = crawl is not None and crawl.is_complete
    text = f"The export of {day} is stored."
    if not is_stored:
        text = (
            f"The export of {day} is not stored, so films outside that day's discover have no fact. The gap filler "
            f"asks for it once the day is past; or do so now: tmdb-assets backfill --from {day} --to {day} --refresh."
        )
    return AssetCheckResult(
        passed=is_stored and problem is None,
        check_name=EXPORT_STORED.name,
        asset_key=AssetKey("raw_export"),
        severity=AssetCheckSeverity.WARN,
        description=problem or text,
    )


def _stored(warehouse: Warehouse, fetched: Fetched, day: dt.date | None, tmdb: TmdbSource) -> MaterializeResult[Any]:
    table = fetched.loaded.table
    with warehouse.begin() as connection:
        row_count = count_rows(connection, table, day)
    metadata: dict[str, Any] = {"asked": fetched.asked}
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


def _pages_complete(warehouse: Warehouse, day: dt.date, fetched: Fetched) -> AssetCheckResult:
    with warehouse.begin() as connection:
        crawl = books.find_crawl(connection, day, "discover")
        pages = books.finished_pages(connection, day, "discover")
        slices = books.finished_slices(connection, day)
        unseen = books.unseen_films(connection, day)
    # A past day that nobody asked for is as complete as it can be: its source is its export, which has its own check.
    was_asked = crawl is not None or day == partitions.today()
    complete = not was_asked or (crawl is not None and crawl.is_complete)
    stored = f"{len(slices)} slices of release dates" if slices else f"{len(pages)} pages"
    text = f"{stored} of {day} are stored."
    if unseen:
        text += f" {unseen} films are beyond page 500 of their release date: discover does not show them."
    if not was_asked:
        text = f"Nothing was asked on {day}: its facts come from the day's id export."
    elif not complete:
        unread = ", ".join(map(str, fetched.failed)) or "unknown"
        is_today = day == partitions.today()
        advice = "Run it again before midnight UTC." if is_today else "Its export gives the popularity of the rest."
        text += f" The day is not complete (pages without a readable answer: {unread}). {advice}"
    return AssetCheckResult(
        passed=complete,
        check_name=PAGES_COMPLETE.name,
        asset_key=AssetKey("raw_discover"),
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"pages_stored": len(pages), "slices_stored": len(slices), "films_beyond_page_500": unseen},
    )
