"""Which process executes a run, so that a run whose process was killed does not count as running for ever.

Dagster's own launcher cannot tell: such a run stays "started" and keeps its place among the runs allowed at once. Here
the storage records the process in the run's tags when the run starts, whoever started it (the command, the UI, the
schedule), and `close_dead_runs` and the daemon's run monitoring check whether it is alive. A process on another machine
or in another container is invisible: there the daemon asks the code server that executes the run. A run that neither
can judge, like one of the command in a container that is gone, ends after `run_monitoring.max_runtime_seconds` of
dagster.yaml (decision 15).
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
    """Name this process, so that another one can tell whether it still lives: host, id and start."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(psutil.Process())}"


def _start_of(process: psutil.Process) -> str:
    """When a process started, by a clock that nobody sets.

    On Linux psutil adds the time of boot, which moves whenever the clock is set, to the seconds since boot.
    """
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return f"{process.create_time() - boot:.2f}"


def is_here(process: str) -> bool:
    """Whether a process that `this_process` named is, or was, one of this machine or container."""
    return process.rsplit(":", 2)[0] == socket.gethostname()


def is_dead(process: str | None) -> bool:
    """Whether a process that `this_process` named has certainly ended.

    One that is unknown, or of another host, cannot be judged from here and counts as alive.
    """
    if process is None:
        return False
    if not is_here(process):
        return False
    _, pid, start = process.rsplit(":", 2)
    try:
        found = psutil.Process(int(pid))
        return found.status() == psutil.STATUS_ZOMBIE or _start_of(found) != start
    except psutil.NoSuchProcess:
        return True


def close_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs as failed whose process on this machine died before it could say so; return their ids."""
    started = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]),
    )
    closed = []
    for record in started:
        run = record.dagster_run
        process = run.tags.get(PROCESS_TAG)
        # Before its start a run may carry the tag of the run that it repeats.
        if record.start_time is None or not is_dead(process):
            continue
        now = instance.get_run_by_id(run.run_id)  # it may have ended well between the two looks
        if now is not None and not now.is_finished:
            instance.report_run_failed(now, f"The process of this run ({process}) died.")
            closed.append(run.run_id)
    return closed


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's launcher, which also tells the daemon's run monitoring whether a run's process is alive."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: the run's tags name its process."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Failed when the process has certainly ended: it is gone here, or its code server does not know the run.

        While the code server is unreachable the run counts as alive: it could not be executed again before the server
        is back anyway, and Dagster tries that only once.
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
    """Whether the run was given to a code server with a lasting address; `dagster dev` gives a temporary one."""
    return "port" in json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))


def _runs_at_server(run: DagsterRun) -> Sequence[str] | None:
    """The ids of the runs that the code server of this run executes; None where it does not answer."""
    from dagster._grpc.client import DagsterGrpcClient  # the daemon's alone
    from dagster._grpc.types import GetCurrentRunsResult

    address = json.loads(run.tags[GRPC_INFO_TAG])
    try:
        answer = DagsterGrpcClient(**address).get_current_runs()
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, GetCurrentRunsResult).current_runs
