"""One day's run in this process: the job `daily`, and what came of it."""

from __future__ import annotations

import datetime as dt
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterEvent,
    DagsterInstance,
    Definitions,
)

from tmdb_assets import partitions
from tmdb_assets.assets.dashboard import DASHBOARD
from tmdb_assets.assets.failures import is_interruption, read_problem
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.errors.problem import ActionableError, Problem
from tmdb_assets.fetch.progress import Progress
from tmdb_assets.instance.launcher import close_dead_runs
from tmdb_assets.instance.opening import open_instance
from tmdb_assets.instance.sentences import WithoutLostEvents
from tmdb_assets.orchestration.automation import FROM_EXPORT
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.schema.fact import load_day
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, driver_problem
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse

FETCHING_STEPS = ("raw_discover", "raw_details", "raw_reference", "raw_export")


@dataclass(frozen=True)
class TableFigures:
    """What a run did to one table; None where the asset does not say."""

    name: str
    rows: int | None
    inserted: int | None
    updated: int | None
    unchanged: int | None
    rejected: int | None


@dataclass(frozen=True)
class CheckFigure:
    """One evaluated check."""

    asset: str
    name: str
    passed: bool
    is_error: bool
    text: str


@dataclass
class DayRun:
    """What came of a day's run; `problems` are those of its failed steps, each once.

    `dashboard` is the page that the run wrote, if it came so far.
    """

    day: dt.date
    run_id: str
    ok: bool
    seconds: float
    requests: int
    tables: list[TableFigures] = field(default_factory=list)
    checks: list[CheckFigure] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    dashboard: Path | None = None
    interrupted: bool = False

    @property
    def state(self) -> str:
        """The day's state in one word."""
        return "interrupted" if self.interrupted else "loaded" if self.ok else "failed"

    @property
    def causes(self) -> list[str]:
        """Why the day failed, in few words: its problems, or else what its failed checks say."""
        failed = [check.text for check in self.checks if check.is_error and not check.passed]
        return list(dict.fromkeys(problem.summary for problem in self.problems)) or failed


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
        """Open all of it, and close runs whose process died; everything is closed at the end.

        Raises `SchemaMismatchError` for a database of a newer release, before anything is stored. When Postgres goes
        away meanwhile, the block ends with `WarehouseUnavailableError`: Dagster cannot go on without its events stored,
        and so the run itself does not learn that it failed.
        """
        from tmdb_assets.definitions import build_definitions

        settings = get_settings()
        warehouse, source = Warehouse(settings=settings), TmdbSource(settings)
        definitions = build_definitions(settings, warehouse=warehouse, tmdb=source, progress=progress)
        url = warehouse.url  # opens the server, or says why it cannot
        try:
            _ = warehouse.engine  # brings the schema up, or says why it cannot: no run begins, to fail at every step
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

    def assets_of(self, group: str) -> list[str]:
        """The names of the assets of a group."""
        specs = self.definitions.resolve_all_asset_specs()
        return [spec.key.to_user_string() for spec in specs if spec.group_name == group]

    def is_loaded(self, day: dt.date) -> bool:
        """Whether the day's facts are there."""
        with self.warehouse.begin() as connection:
            return bool(connection.scalar(sa.select(sa.exists().where(load_day.c.date_id == day))))

    def was_asked(self, day: dt.date) -> bool:
        """Whether the day's discover rows are stored: then it is rebuilt from them."""
        with self.warehouse.begin() as connection:
            return fetch_log.count_rows(connection, raw_discover, day) > 0


def run_backfill(platform: Platform, days: Iterable[dt.date], *, refresh: bool = False) -> Iterator[DayRun]:
    """Load days one by one, oldest first; an interruption ends it.

    A day that was asked is rebuilt from its raw rows, today is loaded whole, any other day comes from its export and
    needs two assets only. With `refresh` today is asked anew, and so is the export of every other day.
    """
    for day in sorted(days):
        today = partitions.today()
        exports = ("raw_export",) if refresh else ()
        if day == today:
            outcome = run_day(platform, day, today=today, refresh=FETCHING_STEPS if refresh else ())
        elif platform.was_asked(day):
            outcome = run_day(platform, day, job="backfill", refresh=exports)
        else:
            outcome = run_day(platform, day, job="backfill", assets=FROM_EXPORT, refresh=exports)
        yield outcome
        if outcome.interrupted:
            return


def run_day(
    platform: Platform,
    day: dt.date,
    *,
    today: dt.date | None = None,
    refresh: Sequence[str] = (),
    job: str = "daily",
    assets: Sequence[str] = (),
) -> DayRun:
    """Materialize a day in this process, all of the job or only some assets; what fails is told, not raised.

    `refresh` names the fetching steps that ask again for what is stored.
    The run belongs to `today`, the date when its command was given (default: now), also when it starts after midnight.
    """
    run_id = str(uuid.uuid4())
    partitions.begin_run(run_id, today or partitions.today())
    started, requests_before = time.monotonic(), platform.source.requests
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if refresh:
        config["ops"] = {step: {"config": {"refresh": True}} for step in refresh}
    result = platform.definitions.resolve_job_def(job).execute_in_process(
        partition_key=day.isoformat(),
        instance=platform.instance,
        run_config=config,
        asset_selection=[AssetKey(name) for name in assets] or None,
        run_id=run_id,
        raise_on_error=False,
    )
    checks = [_check(event) for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    failed = any(check.is_error and not check.passed for check in checks)
    return DayRun(
        day=day,
        run_id=result.run_id,
        ok=result.success and not failed,
        seconds=time.monotonic() - started,
        requests=platform.source.requests - requests_before,
        tables=[_table(event) for event in result.all_events if event.is_step_materialization],
        checks=checks,
        problems=_problems(result.all_events),
        dashboard=_dashboard(result.all_events),
        interrupted=any(is_interruption(event) for event in result.all_events),
    )


def _table(event: DagsterEvent) -> TableFigures:
    materialization = event.step_materialization_data.materialization
    values = {name: value.value for name, value in materialization.metadata.items()}
    names = ("dagster/row_count", "rows_inserted", "rows_updated", "rows_unchanged", "rows_rejected")
    figures = [int(str(values[name])) if name in values else None for name in names]
    return TableFigures(materialization.asset_key.to_user_string(), *figures)


def _dashboard(events: Sequence[DagsterEvent]) -> Path | None:
    """Where the dashboard lies that a run wrote, or None."""
    for event in events:
        if event.is_step_materialization and event.asset_key == AssetKey(DASHBOARD):
            return Path(str(event.step_materialization_data.materialization.metadata["path"].value))
    return None


def _check(event: DagsterEvent) -> CheckFigure:
    evaluation = event.asset_check_evaluation_data
    return CheckFigure(
        evaluation.asset_key.to_user_string(),
        evaluation.check_name,
        evaluation.passed,
        evaluation.severity == AssetCheckSeverity.ERROR,
        evaluation.description or "",
    )


def _problems(events: Sequence[DagsterEvent]) -> list[Problem]:
    """The problems of the failed steps, each once; of a run that failed outside its steps, its own."""
    failed = [event for event in events if event.is_step_failure] or [event for event in events if event.is_job_failure]
    return list(dict.fromkeys(read_problem(event) for event in failed if not is_interruption(event)))
