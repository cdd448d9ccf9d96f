"""Dagster's in-memory instance for runs in this process, with one connection to each of its databases.

`DagsterInstance.ephemeral()` opens one for every query, some 700 in a day's run: a fifth of the run's time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from dagster import DagsterInstance
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage
from sqlalchemy.engine import Connection


class _EventLog(InMemoryEventLogStorage):
    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

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


def memory_instance() -> DagsterInstance:
    """`DagsterInstance.ephemeral()` with the storages above; close it by `with` or `dispose`."""
    # No migration is recorded: that would read all migration files, and this database is never upgraded.
    with mock.patch("dagster._core.storage.runs.in_memory.stamp_alembic_rev"):
        runs = _Runs()
    with mock.patch("dagster._core.storage.event_log.in_memory.stamp_alembic_rev"):
        events = _EventLog()
    return DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=runs,
        event_storage=events,
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )
