"""The raw assets: TMDb's answers of a day. A past day is never requested from the API, which has no history."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa
from dagster import AssetCheckResult, AssetExecutionContext, Config, MaterializeResult, ResourceParam
from pydantic import Field

from tmdb_assets import partitions
from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.failures import MissingDayError, note_gone
from tmdb_assets.assets.publish import REFUSALS, AssetEvent, materialized, refusal_check
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
from tmdb_assets.errors.problem import UNCHANGED, plain
from tmdb_assets.fetch.catalogue import fetch_catalogue
from tmdb_assets.fetch.details import fetch_details
from tmdb_assets.fetch.discover import fetch_discover
from tmdb_assets.fetch.export import fetch_export_day
from tmdb_assets.fetch.progress import Progress
from tmdb_assets.fetch.reference import fetch_reference
from tmdb_assets.fetch.step import Fetched, Fetcher
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, count_rows
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.warehouse import Warehouse


class FetchConfig(Config):
    """How to fetch."""

    refresh: bool = Field(
        False, description="Request again what is already stored; for a past day, only its id export."
    )


@dataclass(frozen=True)
class _Step:
    """One run of a raw asset: its day, its configuration and its resources."""

    context: AssetExecutionContext
    config: FetchConfig
    warehouse: Warehouse
    tmdb: TmdbSource
    progress: Progress

    @cached_property
    def day(self) -> dt.date:
        """The day of the partition; of a run without one, today."""
        return day_of(self.context) if self.context.has_partition_key else partitions.today()

    @property
    def is_past(self) -> bool:
        """Whether the day is over: then only its id export may be requested."""
        return self.day != partitions.today()

    def fetcher(self) -> Fetcher:
        """What a fetching step needs; from here on the client's figures count for this asset."""
        self.tmdb.take_figures()
        # Lines for both the run's log and the console.
        say = partial(self.progress.note, say=lambda line: self.context.log.info(plain(line)))
        self.tmdb.client.say = say  # also for a lower rate or a long wait
        return Fetcher(self.warehouse, self.tmdb.client, self.day, self.config.refresh, self.progress, say)

    def fetch_today(
        self, table: sa.Table, fetch: Callable[[Fetcher], Fetched], check: Callable[[Fetched], AssetCheckResult]
    ) -> Iterator[AssetEvent]:
        """Fetch unless the day is past; yields the check of what is stored, then the materialization."""
        fetched = Fetched(Loaded(table))
        try:
            if not self.is_past:
                fetched = self.tmdb.fetch(self.context.run.run_id, lambda: fetch(self.fetcher()))
            yield check(fetched)
            yield self.materialized(fetched)
        except REFUSALS as error:
            yield refusal_check(table.name, error)
            raise

    def materialized(self, fetched: Fetched) -> MaterializeResult[Any]:
        """The asset's result: what was requested, stored and not answered."""
        table = fetched.loaded.table
        with self.warehouse.begin() as connection:
            row_count = count_rows(connection, table, self.day)
        metadata: dict[str, Any] = {"requested": fetched.requested}
        if figures := self.tmdb.take_figures():
            metadata["requests"] = figures
        metadata |= {f"due_{reason}": count for reason, count in fetched.due.items()}
        if fetched.lines:
            metadata |= {"export_lines": fetched.lines, "export_lines_skipped": fetched.skipped}
        if fetched.unseen is not None:
            metadata["films_discover_does_not_show"] = fetched.unseen
        metadata |= {f"films_without_{part}": count for part, count in sorted(fetched.without.items())}
        metadata |= {f"{name}_left_out": count for name, count in sorted(fetched.left_out.items())}
        if fetched.failed:
            metadata["failed"] = {str(part): cause for part, cause in list(fetched.failed.items())[:20]}
        return materialized(fetched.loaded, row_count, metadata)


@table_asset(raw.raw_reference, daily=False, checks=(LISTS_STORED,))
def raw_reference(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """TMDb's own lists; requested only by a run for today, at most once in seven days."""
    step = _Step(context, config, warehouse, tmdb, progress)
    yield from step.fetch_today(raw.raw_reference, fetch_reference, lists_stored)


@table_asset(raw.raw_discover, daily=True, checks=(PAGES_COMPLETE,))
def raw_discover(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The day's films by popularity, page by page."""
    step, pages = _Step(context, config, warehouse, tmdb, progress), tmdb.settings.tmdb_pages
    fetch = fetch_catalogue if pages == "all" else partial(fetch_discover, max_pages=pages)
    yield from step.fetch_today(raw.raw_discover, fetch, partial(pages_complete, warehouse, step.day))


@table_asset(raw.raw_details, daily=True, deps=["raw_discover"], checks=(DETAILS_COMPLETE,))
def raw_details(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The details of the day's films."""
    step = _Step(context, config, warehouse, tmdb, progress)
    settings = tmdb.settings
    fetch = partial(fetch_details, max_age_days=settings.tmdb_details_max_age_days, wanted=settings.wanted)
    yield from step.fetch_today(raw.raw_details, fetch, partial(details_complete, warehouse, step.day))


@table_asset(raw.raw_export, daily=True, deps=["raw_discover"], checks=(EXPORT_STORED,))
def raw_export(
    context: AssetExecutionContext,
    config: FetchConfig,
    warehouse: ResourceParam[Warehouse],
    tmdb: ResourceParam[TmdbSource],
    progress: ResourceParam[Progress],
) -> Iterator[AssetEvent]:
    """The popularity of every known film in the day's id export: the only history that TMDb offers."""
    step = _Step(context, config, warehouse, tmdb, progress)
    fetched, day, is_past = Fetched(Loaded(raw.raw_export)), step.day, step.is_past
    problem: TmdbError | None = None
    try:
        if not is_past or config.refresh or _needs_export(warehouse, day):
            fetcher = step.fetcher()
            try:
                fetched = fetch_export_day(fetcher, tmdb.export, is_past=is_past)
            except TmdbError as error:
                problem = error
                if isinstance(error, ExportGoneError):
                    note_gone(context.instance, context.run.run_id, tmdb.settings.export_url)
        yield export_stored(warehouse, day, fetched, problem, is_past=is_past)
        if problem and is_past:
            _require_other_source(warehouse, day, problem)
        yield step.materialized(fetched)
    except REFUSALS as error:
        yield refusal_check(raw.raw_export.name, error)
        raise


def _needs_export(warehouse: Warehouse, day: dt.date) -> bool:
    """Whether a past day lacks discover rows: a day whose pages are complete is rebuilt without a request."""
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
    """Raise `MissingDayError` for a past day without discover rows or an export stored by an earlier run."""
    with warehouse.begin() as connection:
        crawl = fetch_log.find_crawl(connection, day, "export")
        if (crawl is not None and crawl.is_complete) or count_rows(connection, raw.raw_discover, day):
            return
    raise MissingDayError.without_export(day, error.problem) from error
