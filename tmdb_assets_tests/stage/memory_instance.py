"""Dagster's in-memory instance for runs in this process, without what costs time and no test reads.

`DagsterInstance.ephemeral()` opens a connection for every query, some 700 in a day's run: a fifth of the run's time.
This one has one connection to each of its databases, and keeps the events that a test can look up: how a run and its
steps ended, what was materialized and checked. Starts, inputs, outputs and plans, which only the UI shows, are not
stored, nor is it looked up from which versions of its inputs an asset was made: almost half of the time.
The commands' tests have Dagster's real storage.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogEntry,
    EventRecordsResult,
    JobDefinition,
)
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage
from dagster._core.utils import make_new_run_id
from sqlalchemy.engine import Connection

SHOWN_ONLY = {
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
}


class _EventLog(InMemoryEventLogStorage):
    asset_records_have_last_observation = True

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def store_event(self, event: EventLogEntry) -> None:
        if event.is_dagster_event and event.dagster_event_type not in SHOWN_ONLY:
            super().store_event(event)

    def get_asset_records(self, asset_keys: object = None) -> list[Any]:
        return []

    def fetch_materializations(self, *_: object, **__: object) -> EventRecordsResult:
        return EventRecordsResult([], cursor="", has_more=False)

    def store_asset_check_event(self, *_: object) -> None:
        """The table of each check's last evaluation."""

    def _store_asset_event(self, *_: object) -> None:
        """The table of each asset's last event."""

    def _store_asset_event_tags(self, *_: object) -> None:
        """The table of the versions of data."""

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        if threading.get_ident() != self._thread:  # a SQLite connection belongs to its thread
            with super()._connect() as connection:
                yield connection
            return
        with self._db_lock, self._held_conn.begin():
            yield self._held_conn


class _Runs(InMemoryRunStorage):
    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        if threading.get_ident() != self._thread or self._held_conn.in_transaction():  # or within another query
            with super().connect() as connection:
                yield connection
            return
        with self._held_conn.begin():
            yield self._held_conn


class _Instance(DagsterInstance):
    def create_run_for_job(self, job_def: JobDefinition, **run: Any) -> DagsterRun:  # type: ignore[override]
        """A run without snapshots of its job and plan, which only the UI shows: a fifth of a small day's time."""
        plan = run["execution_plan"]
        return self.run_storage.add_run(
            DagsterRun(
                job_name=job_def.name,
                run_id=run.get("run_id") or make_new_run_id(),
                run_config=run["run_config"],
                tags=run["tags"],
                step_keys_to_execute=plan.step_keys_to_execute,
                asset_selection=run["asset_selection"],
                status=DagsterRunStatus.NOT_STARTED,
            )
        )


def memory_instance() -> DagsterInstance:
    """`DagsterInstance.ephemeral()` with the storages above; close it by `with` or `dispose`."""
    # No migration is recorded: that would read all migration files, and this database is never upgraded.
    with mock.patch("dagster._core.storage.runs.in_memory.stamp_alembic_rev"):
        runs = _Runs()
    with mock.patch("dagster._core.storage.event_log.in_memory.stamp_alembic_rev"):
        events = _EventLog()
    return _Instance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=runs,
        event_storage=events,
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )
