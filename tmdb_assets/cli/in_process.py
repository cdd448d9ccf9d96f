"""Runs of days in this process, and their outcomes."""

from __future__ import annotations

import datetime as dt
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterInstance,
    Definitions,
    EventLogEntry,
    ExecuteInProcessResult,
)

from tmdb_assets import partitions
from tmdb_assets.assets.dashboard import DASHBOARD
from tmdb_assets.assets.failures import is_interruption, read_problem
from tmdb_assets.assets.publish import PARTITION_ROW_COUNT, ROW_COUNT
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.cli.day_run import ROW_COUNTS, DayRun, is_failed
from tmdb_assets.errors.problem import ActionableError, Problem
from tmdb_assets.fetch.progress import Progress
from tmdb_assets.instance.cancelled import cancel_by, end_run, note_cancelled, watched_signals
from tmdb_assets.instance.execution import execute
from tmdb_assets.instance.launcher import close_dead_runs
from tmdb_assets.instance.opening import open_instance
from tmdb_assets.instance.sentences import WithoutLostEvents
from tmdb_assets.instance.storage import holding_lock
from tmdb_assets.orchestration.past_days import FROM_EXPORT, days_behind, days_from_export, whole_day_from_export
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.ledger.exports import loaded_days
from tmdb_assets.warehouse.schema.fact import load_day
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, driver_problem
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse

FETCHING_STEPS = ("raw_discover", "raw_details", "raw_reference", "raw_export")
Steps = Callable[[int], AbstractContextManager[Callable[[DagsterEvent], None]]]
"""Shows a run's steps: from their number to a context that gives a function for the run's events."""


@dataclass
class Platform:
    """Everything a run in this process needs: Dagster's instance, the graph, TMDb and the warehouse."""

    instance: DagsterInstance
    definitions: Definitions
    source: TmdbSource
    warehouse: Warehouse

    @classmethod
    @contextmanager
    def open(cls, progress: Progress) -> Iterator[Platform]:
        """Open everything, mark runs whose process died as failed, and close everything at the end.

        Raises `SchemaMismatchError` for a database of a newer release, before anything is stored, and
        `WarehouseUnavailableError` when Postgres cannot be reached or goes away during the block: without its storage
        Dagster cannot record that the run failed.
        """
        from tmdb_assets.definitions import build_definitions

        settings = get_settings()
        warehouse, source = Warehouse(settings=settings), TmdbSource(settings)
        definitions = build_definitions(settings, warehouse=warehouse, tmdb=source, progress=progress)
        url = warehouse.url  # opens the server or raises
        try:
            _ = warehouse.engine  # migrates the schema or raises, before a run begins
            with redirect_stderr(WithoutLostEvents(sys.stderr)), open_instance() as instance:
                close_dead_runs(instance)
                yield cls(instance, definitions, source, warehouse)
        except ActionableError:
            raise
        except Exception as error:
            outage = driver_problem(error, url)
            if outage is None:
                raise
            raise WarehouseUnavailableError.of(outage) from error
        finally:
            source.close()
            warehouse.close()

    @property
    def address(self) -> str:
        """The warehouse's address, without its password."""
        return describe(self.warehouse.url)

    def assets_of(self, group: str | None = None) -> list[str]:
        """The names of the assets of a group, by default of all."""
        specs = self.definitions.resolve_all_asset_specs()
        return [spec.key.to_user_string() for spec in specs if group in (None, spec.group_name)]

    def count_days(self) -> int:
        """The number of days that have facts."""
        with self.warehouse.begin() as connection:
            return len(loaded_days(connection))

    def is_loaded(self, day: dt.date) -> bool:
        """Whether the day has facts."""
        with self.warehouse.begin() as connection:
            return bool(connection.scalar(sa.select(sa.exists().where(load_day.c.date_id == day))))

    def is_complete(self, day: dt.date) -> bool:
        """Whether the day has facts, and every table is made of its stored answers."""
        with self.warehouse.begin() as connection:
            is_behind = bool(days_behind(connection, day, day))
        return self.is_loaded(day) and not is_behind

    def needs(self, day: dt.date, job: str) -> list[str]:
        """The assets of a job (`daily` or `backfill`) that a past day needs; empty: all of them."""
        with self.warehouse.begin() as connection:
            if not days_from_export(connection, [day]):
                return []
        if job == "backfill":
            return list(FROM_EXPORT)
        return [key.to_user_string() for key in whole_day_from_export(self.definitions.resolve_all_asset_specs())]


def run_backfill(
    platform: Platform,
    days: Iterable[dt.date],
    *,
    refresh: bool = False,
    prepare: Callable[[dt.date], Sequence[str]] | None = None,
) -> Generator[DayRun, None, None]:
    """Load days one by one, oldest first; Ctrl-C ends it, and cancels the days that are not loaded yet.

    SIGTERM and SIGHUP end it and leave these days to the gap filler. Today is loaded completely, any other day as it
    needs. `refresh` requests today again, and the export of every other day. `prepare` is called before each day, and
    may name the assets to load. What does not depend on the day is checked with the last one. Close it, if not all days
    are taken.
    """
    left = sorted(days)
    with watched_signals() as signals:
        try:
            while left:
                assets = prepare(left[0]) if prepare else ()
                outcome = _run_one(platform, left[0], refresh=refresh, assets=assets, is_last=len(left) == 1)
                del left[0]
                if outcome.interrupted:
                    outcome.waiting += _cancel(platform, left) if signals.are_a_cancel else []
                    left.clear()
                yield outcome
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            if signals.are_a_cancel:
                _cancel(platform, left)
            raise


def _run_one(platform: Platform, day: dt.date, *, refresh: bool, assets: Sequence[str], is_last: bool) -> DayRun:
    today = partitions.today()
    if day == today:
        return run_day(platform, day, today=today, refresh=FETCHING_STEPS if refresh else ())
    fetching = ("raw_export",) if refresh else ()
    return run_day(platform, day, job="backfill", refresh=fetching, assets=assets, has_all_checks=is_last)


def _cancel(platform: Platform, days: Sequence[dt.date]) -> list[dt.date]:
    """Leave the days to a person that are not loaded completely; return those without facts or tables.

    The gap filler does not load what was cancelled.
    """
    with platform.warehouse.begin() as connection:
        loaded = loaded_days(connection)
        behind = days_behind(connection, days[0], days[-1]) if days else ()
    note_cancelled(platform.instance, "backfill", [day for day in days if not loaded.get(day) or day in behind])
    return [day for day in days if day not in loaded or day in behind]


def run_day(
    platform: Platform,
    day: dt.date,
    *,
    today: dt.date | None = None,
    refresh: Sequence[str] = (),
    job: str = "daily",
    assets: Sequence[str] = (),
    steps: Steps | None = None,
    has_all_checks: bool = False,
) -> DayRun:
    """Materialize a day in this process: what it needs of the job, or only `assets`. Failures are reported, not raised.

    `refresh` names the fetching steps that request again what is stored. The run belongs to `today`, the date on which
    its command was given (default: now), even if it starts after midnight. Ctrl-C ends it as cancelled, SIGTERM
    and SIGHUP as failed. `steps` gets the number of steps, and shows the run's events. `has_all_checks`: of selected
    assets also the checks that the job leaves out.
    """
    run_id, today = str(uuid.uuid4()), today or partitions.today()
    if not assets and day != today:
        assets = platform.needs(day, job)
    started, requests_before = time.monotonic(), platform.source.requests
    total = len(assets) or len(platform.definitions.resolve_job_def(job).nodes)
    with steps(total) if steps else nullcontext() as watch:
        if watch:
            platform.instance.add_event_listener(run_id, partial(_pass_on, watch))
        result, interrupted, cancelled = _execute(
            platform, day, run_id, job=job, refresh=refresh, assets=assets, has_all_checks=has_all_checks
        )
    events = result.all_events if result else []
    checks = result.get_asset_check_evaluations() if result else []
    return DayRun(
        day=day,
        ok=result is not None and result.success and not any(map(is_failed, checks)),
        seconds=time.monotonic() - started,
        requests=platform.source.requests - requests_before,
        tables=dict(_table(event) for event in events if event.is_step_materialization),
        checks=checks,
        problems=_problems(events),
        dashboard=_dashboard(events),
        interrupted=interrupted,
        waiting=[day] if cancelled and not platform.is_complete(day) else [],
    )


def _pass_on(watch: Callable[[DagsterEvent], None], entry: EventLogEntry) -> None:
    if entry.dagster_event:
        watch(entry.dagster_event)


def _execute(
    platform: Platform,
    day: dt.date,
    run_id: str,
    *,
    job: str,
    refresh: Sequence[str],
    assets: Sequence[str],
    has_all_checks: bool,
) -> tuple[ExecuteInProcessResult | None, bool, bool]:
    """The run's result, None if it has no event; whether it was interrupted; and whether that was a cancel."""
    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    config: dict[str, Any] = {"loggers": quiet, "ops": {step: {"config": {"refresh": True}} for step in refresh}}
    result = None
    # The lock is held before the run is stored: a kill from then on is noticed.
    with holding_lock(platform.instance, run_id) as tags, watched_signals() as signals:
        # KeyboardInterrupt is raised before the run's first event, or by a second Ctrl-C.
        with cancel_by(signals, platform.instance, run_id), suppress(KeyboardInterrupt):
            result = execute(
                platform.definitions.resolve_job_def(job),
                partition_key=day.isoformat(),
                instance=platform.instance,
                run_config=config,
                assets=frozenset(AssetKey(name) for name in assets),
                run_id=run_id,
                tags=tags,
                has_all_checks=has_all_checks,
            )
        interrupted = result is None or any(is_interruption(event) for event in result.all_events)
        cancelled = interrupted and signals.are_a_cancel
        if interrupted:
            end_run(platform.instance, job, day, run_id, is_cancelled=cancelled)
    return result, interrupted, cancelled


def _table(event: DagsterEvent) -> tuple[str, list[int | None]]:
    materialization = event.step_materialization_data.materialization
    values = {name: value.value for name, value in materialization.metadata.items()}
    values.setdefault(ROW_COUNT, values.get(PARTITION_ROW_COUNT))
    counts = [None if (value := values.get(name)) is None else int(str(value)) for name in ROW_COUNTS.values()]
    return materialization.asset_key.to_user_string(), counts


def _dashboard(events: Sequence[DagsterEvent]) -> Path | None:
    """The page that a run wrote, or None."""
    for event in events:
        if event.is_step_materialization and event.asset_key == AssetKey(DASHBOARD):
            return Path(str(event.step_materialization_data.materialization.metadata["path"].value))
    return None


def _problems(events: Sequence[DagsterEvent]) -> list[Problem]:
    """The problems of the failed steps, each once; if the run failed outside its steps, the run's own."""
    failed = [event for event in events if event.is_step_failure] or [event for event in events if event.is_job_failure]
    return list(dict.fromkeys(read_problem(event) for event in failed if not is_interruption(event)))
