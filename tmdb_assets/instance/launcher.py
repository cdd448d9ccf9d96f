"""Which runs have died, so that a run whose process was killed does not count as running for ever.

With Dagster's own launcher such a run stays "started" and counts towards the limit of concurrent runs. Here each run
holds a lock in Postgres while its process lives (`run_lock`): in this process, another container or a pod.
`close_dead_runs` and the daemon's run monitoring close a run that lost it (decision 22).
"""

from __future__ import annotations

import json
import time
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, DefaultRunLauncher, RunsFilter
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from tmdb_assets.instance.run_lock import LOCK_TAG, lock_key
from tmdb_assets.instance.storage import PooledRunStorage
from tmdb_assets.instance.tags import GRPC_INFO_TAG

BEGUN = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
PAUSE_S = 0.5
PING_S = 5
MOST_MISSED = 3  # checks of the run monitoring in a row, one every half minute
MOST_WAIT_S = 120.0  # from the first check, for the code server to come back: closed within three minutes
MONITORING = "MONITORING"  # the part of the daemon
HEARTBEAT_S = 120  # each part reports every half minute
DIED = "The process of this run died: it no longer holds the run's lock."


def find_dead_runs(instance: DagsterInstance) -> dict[str, DagsterRun]:
    """Runs in progress, by id, that were begun under their lock and do not hold it now."""
    runs = {run.run_id: run for run in instance.get_runs(RunsFilter(statuses=BEGUN)) if _has_lock(run)}
    held = _held_locks(instance) if runs else set()
    return {run_id: run for run_id, run in runs.items() if lock_key(run_id) not in held}


def close_dead_runs(instance: DagsterInstance, settle_s: float | None = None) -> list[str]:
    """Mark runs whose process died as failed, or as cancelled if they were being cancelled; return their ids.

    Takes `settle_s` seconds (default: `run_lock.settle_s`) if there are any: a live process that lost its connection
    takes its lock again meanwhile. While the daemon's run monitoring is running, a run whose code server does not
    answer is left to it: closed now, it would lose its retry (`WatchedRuns`).
    """
    started, dead = time.monotonic(), find_dead_runs(instance)
    if dead and settle_s is None:
        settle_s = _storage(instance).settle_s
    deadline = started + (settle_s or 0.0)
    while dead and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
        still = find_dead_runs(instance)
        dead = {run_id: run for run_id, run in still.items() if run_id in dead}
    cancelled = [run for run in dead.values() if run.status is DagsterRunStatus.CANCELING]
    failed = [run for run in dead.values() if run not in cancelled]
    if failed and _is_monitored(instance):
        silent = {address for address in set(map(_code_server, failed)) if not _answers(address)}
        failed = [run for run in failed if _code_server(run) not in silent]
    for run in cancelled:
        instance.report_run_canceled(run, DIED)
    for run in failed:
        instance.report_run_failed(run, DIED)
    return [run.run_id for run in (*cancelled, *failed)]


class WatchedRuns:
    """Makes a launcher report to the daemon's run monitoring which runs have died; mix it into any launcher."""

    _instance: DagsterInstance  # of Dagster's launcher

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._missed: dict[str, list[float]] = {}  # when a run had no lock, by the checks in a row

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes, by the run's lock."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Failed if the run was begun under its lock and nobody held it at the last `MOST_MISSED` checks.

        While its code server does not answer, only after `MOST_WAIT_S`: Dagster retries the run as soon as it is
        closed, and once; without the code server the retry would be lost.
        """
        if not _has_lock(run) or lock_key(run.run_id) in _held_locks(self._instance):
            self._missed.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        missed = self._missed.setdefault(run.run_id, [])
        missed.append(time.monotonic())
        is_dead = len(missed) >= MOST_MISSED
        if is_dead and (missed[-1] - missed[0] >= MOST_WAIT_S or _answers(_code_server(run))):
            return CheckRunHealthResult(WorkerStatus.FAILED, DIED)
        return CheckRunHealthResult(WorkerStatus.RUNNING)


class WatchedRunLauncher(WatchedRuns, DefaultRunLauncher):
    """Dagster's default launcher, watched."""


def _has_lock(run: DagsterRun) -> bool:
    return run.tags.get(LOCK_TAG) == run.run_id


def _is_monitored(instance: DagsterInstance) -> bool:
    beat = instance.get_daemon_heartbeats().get(MONITORING)
    return beat is not None and time.time() - beat.timestamp < HEARTBEAT_S


def _code_server(run: DagsterRun) -> str:
    """The address of the code server that was given the run, as JSON."""
    return run.tags.get(GRPC_INFO_TAG, "{}")


def _answers(code_server: str) -> bool:
    """Whether the code server answers; yes for one of `dagster dev`, whose address is new."""
    address = json.loads(code_server)
    if "port" not in address:
        return True
    from dagster._grpc.client import DagsterGrpcClient  # slow to import, and seldom needed

    try:
        DagsterGrpcClient(**address).get_server_id(timeout=PING_S)
    except DagsterUserCodeUnreachableError:
        return False
    return True


def _held_locks(instance: DagsterInstance) -> set[int]:
    return _storage(instance).held_locks()


def _storage(instance: DagsterInstance) -> PooledRunStorage:
    storage = instance.run_storage
    if not isinstance(storage, PooledRunStorage):
        raise TypeError(f"runs have locks in WarehouseStorage only, not in {type(storage).__name__}")
    return storage
