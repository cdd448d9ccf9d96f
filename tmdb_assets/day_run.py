"""One day's run in this process: the job `daily`, and what came of it."""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from dagster import DagsterEvent, DagsterExecutionInterruptedError, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckSeverity

from tmdb_assets.definitions import build_definitions

PROCESS_TAG = ".dagster/tmdb_assets_process"  # the prefix keeps it off the list of runs
FETCHING_STEPS = ("raw_discover", "raw_details", "raw_reference")


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
    """What came of a day's run; `problems` are one line for each failed step."""

    day: dt.date
    run_id: str
    ok: bool
    seconds: float
    requests: int
    tables: list[TableFigures] = field(default_factory=list)
    checks: list[CheckFigure] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False


def run_day(day: dt.date, *, refresh: bool, instance: DagsterInstance, **resources: Any) -> DayRun:
    """Materialize the whole day in this process; what fails is told in the result, not raised."""
    started = time.monotonic()
    close_dead_runs(instance)
    definitions = build_definitions(**resources)
    job = definitions.resolve_job_def("daily")
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if refresh:
        config["ops"] = {step: {"config": {"refresh": True}} for step in FETCHING_STEPS}
    result = job.execute_in_process(
        partition_key=day.isoformat(),
        instance=instance,
        run_config=config,
        tags={PROCESS_TAG: this_process()},
        raise_on_error=False,
    )
    checks = [_check(event) for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"]
    return DayRun(
        day=day,
        run_id=result.run_id,
        ok=result.success,
        seconds=time.monotonic() - started,
        requests=resources["tmdb"].requests,
        tables=[_table(event) for event in result.all_events if event.is_step_materialization],
        checks=checks,
        problems=_problems(result.all_events),
        interrupted=_is_interrupted(result.all_events),
    )


def _table(event: DagsterEvent) -> TableFigures:
    materialization = event.step_materialization_data.materialization
    values = {name: value.value for name, value in materialization.metadata.items()}
    names = ("dagster/row_count", "rows_inserted", "rows_updated", "rows_unchanged", "rows_rejected")
    figures = [int(str(values[name])) if name in values else None for name in names]
    return TableFigures(materialization.asset_key.to_user_string(), *figures)


def _check(event: DagsterEvent) -> CheckFigure:
    evaluation = event.asset_check_evaluation_data
    return CheckFigure(
        evaluation.asset_key.to_user_string(),
        evaluation.check_name,
        evaluation.passed,
        evaluation.severity == AssetCheckSeverity.ERROR,
        evaluation.description or "",
    )


def _is_interrupted(events: Sequence[DagsterEvent]) -> bool:
    """Whether a step ended by Ctrl-C or SIGTERM."""
    errors = [event.step_failure_data.error for event in events if event.is_step_failure]
    return any(error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__ for error in errors)


def _problems(events: Sequence[DagsterEvent]) -> list[str]:
    """One line for each failed step, the same line once."""
    lines: dict[str, None] = {}
    for event in events:
        if not event.is_step_failure or _is_interrupted([event]):
            continue
        data = event.step_failure_data
        told = data.user_failure_data.description if data.user_failure_data else None
        if told is None and data.error is not None:
            cause = data.error.cause or data.error
            told = f"{event.step_key}: {cause.message.strip().splitlines()[0]}"
        lines[told or f"{event.step_key} failed"] = None
    return list(lines)


def this_process() -> str:
    """Name this process, so that a later one can tell whether it still lives: host, id and time of start."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.0f}"


def close_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs as failed whose process on this machine died before it could say so; return their ids."""
    open_runs = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING])
    )
    closed = []
    for record in open_runs:
        process = record.dagster_run.tags.get(PROCESS_TAG)
        if process and _is_dead(process):
            instance.report_run_failed(record.dagster_run, f"The process of this run ({process}) died.")
            closed.append(record.dagster_run.run_id)
    return closed


def _is_dead(process: str) -> bool:
    host, pid, created = process.rsplit(":", 2)
    if host != socket.gethostname():
        return False  # another machine's process cannot be judged from here
    try:
        return bool(abs(psutil.Process(int(pid)).create_time() - float(created)) > 2)
    except psutil.NoSuchProcess:
        return True
