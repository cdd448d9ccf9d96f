"""Which process executes a run, so that a run whose process was killed does not count as running for ever.

With Dagster's own launcher such a run stays "started" and counts towards the limit of concurrent runs. Here the storage
tags every run with its process when it starts, and `close_dead_runs` and the daemon's run monitoring check whether that
process is alive. A process on another machine or in another container is invisible: there the daemon queries the code
server that executes the run. A run that neither can judge, such as one of a command in a container that is gone, ends
after `run_monitoring.max_runtime_seconds` of dagster.yaml (decision 15).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence

import psutil
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultRunLauncher,
    RunsFilter,
    deserialize_value,
)
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from tmdb_assets.instance.tags import GRPC_INFO_TAG

PROCESS_TAG = ".dagster/tmdb_assets_process"  # the prefix keeps it off the list of runs


def this_process() -> str:
    """Host, id and start of this process, by which another process can tell whether it is alive."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(psutil.Process())}"


def _start_of(process: psutil.Process) -> str:
    """When a process started, unaffected by changes of the clock: on Linux, in seconds since boot.

    There psutil adds the time of boot, which moves whenever the clock is set.
    """
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return f"{process.create_time() - boot:.2f}"


def is_here(process: str) -> bool:
    """Whether a process named by `this_process` belongs, or belonged, to this machine or container."""
    return process.rsplit(":", 2)[0] == socket.gethostname()


def is_dead(process: str | None) -> bool:
    """Whether a process named by `this_process` has certainly ended; an unknown or remote one counts as alive."""
    if process is None or not is_here(process):
        return False
    _, pid, start = process.rsplit(":", 2)
    try:
        found = psutil.Process(int(pid))
        return found.status() == psutil.STATUS_ZOMBIE or _start_of(found) != start
    except psutil.NoSuchProcess:
        return True


def close_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs whose process on this machine died as failed, or as cancelled if a person did so; return their ids."""
    closed = []
    for record in instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])):
        run = record.dagster_run
        process = run.tags.get(PROCESS_TAG)
        # Before its start, a run may still have the tag of the run that it repeats.
        if record.start_time is None or not is_dead(process):
            continue
        now = instance.get_run_by_id(run.run_id)  # it may have finished since the query
        if now is not None and not now.is_finished:
            is_canceling = now.status == DagsterRunStatus.CANCELING
            report = instance.report_run_canceled if is_canceling else instance.report_run_failed
            report(now, f"The process of this run ({process}) died.")
            closed.append(run.run_id)
    return closed


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's launcher that also reports to the daemon's run monitoring whether a run's process is alive."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: the run's tags name its process."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Failed if the process has certainly ended: it is gone here, or its code server does not know the run.

        While the code server is unreachable, the run counts as alive: Dagster retries a run only once, and could not
        execute it before the server is back.
        """
        executed = _runs_at_server(run) if _has_code_server(run) else None
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_here(process):
            if is_dead(process) and (executed is not None or not _has_code_server(run)):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"The process of this run ({process}) died.")
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if executed is None or run.run_id in executed:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "Its code server was restarted and does not execute it.")


def _has_code_server(run: DagsterRun) -> bool:
    """Whether the run was given to a code server with a permanent address; that of `dagster dev` is temporary."""
    return "port" in json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))


def _runs_at_server(run: DagsterRun) -> Sequence[str] | None:
    """The ids of the runs that this run's code server executes; None if it does not answer."""
    from dagster._grpc.client import DagsterGrpcClient  # slow to import, and only the daemon needs it
    from dagster._grpc.types import GetCurrentRunsResult

    address = json.loads(run.tags[GRPC_INFO_TAG])
    try:
        answer = DagsterGrpcClient(**address).get_current_runs()
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, GetCurrentRunsResult).current_runs
