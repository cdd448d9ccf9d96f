"""Which process executes a run, so that a run whose process was killed does not count as running for ever.

Dagster's own launcher cannot tell: such a run stays "started" and keeps its place among the runs allowed at once. Here
the storage notes the process in the run's tags when the run starts, whoever started it (the command, the UI, the
schedule), and `close_dead_runs` and the daemon's run monitoring look whether it still lives. From another machine or
container a process cannot be seen: there the daemon asks the code server that executes the run. What nobody can judge,
like a run of the command in a container that is gone, ends by `run_monitoring.max_runtime_seconds` of dagster.yaml.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

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

START_FIELD = 19  # of /proc/PID/stat, after the name in brackets, which may hold anything
PROCESS_TAG = ".dagster/tmdb_assets_process"  # the prefix keeps it off the list of runs


def this_process() -> str:
    """Name this process, so that another one can tell whether it still lives: host, id and start."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(psutil.Process())}"


def _start_of(process: psutil.Process) -> str:
    """When a process started, by a clock that nobody sets.

    On Linux psutil computes the time of day from the time of boot, which moves whenever the clock is set; below it are
    the clock ticks since boot.
    """
    if not psutil.LINUX:
        return f"{process.create_time():.2f}"
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError) as gone:
        raise psutil.NoSuchProcess(process.pid) from gone
    return stat.rpartition(")")[2].split()[START_FIELD]


def is_here(process: str) -> bool:
    """Whether a process that `this_process` named is, or was, one of this machine or container."""
    return process.rsplit(":", 2)[0] == socket.gethostname()


def is_dead(process: str | None) -> bool:
    """Whether a process that `this_process` named has ended for certain.

    One that is not known, or of another host, cannot be judged from here: it counts as alive.
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
    """Dagster's launcher, which in addition tells the daemon's run monitoring whether a run's process lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: the run's tags name its process."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Failed when the process has ended for certain: it is gone here, or its code server does not know the run.

        A code server that cannot be reached tells nothing: the run counts as alive until it is back. Nor could the run
        be executed again before that, and Dagster tries that once only.
        """
        executed = _runs_at_server(run) if _has_code_server(run) else None
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_here(process):
            if is_dead(process) and (executed is not None or not _has_code_server(run)):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"The process of this run ({process}) died.")
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if executed is None or run.run_id in executed:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "Its code server was started anew and does not execute it.")


def _has_code_server(run: DagsterRun) -> bool:
    """Whether the run was given to a code server with an address that lasts; that of `dagster dev` is a passing one."""
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
