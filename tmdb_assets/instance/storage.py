"""Dagster's own storage (runs, events, schedules) in the database beside the warehouse.

Named in `dagster.yaml`, so that the same file serves an embedded and an external server:

    storage:
      custom:
        module: tmdb_assets.instance.storage
        class: WarehouseStorage
        config: {}

The address is looked up when the storage is opened and never becomes part of the configuration, which Dagster shows.
"""

from __future__ import annotations

import inspect
import json
import os
import weakref
from contextlib import closing, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from dagster import DagsterEvent, DagsterEventType, EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)

from tmdb_assets.instance.launcher import PROCESS_TAG, this_process
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.open import open_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy.engine import URL

# An in-process run holds one or two connections nearly all the time; threads of the daemon come and go.
POOL_SIZE = 2
MAX_OVERFLOW = 20

Storage = TypeVar("Storage")
_pooled_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


class WarehouseStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` on the server that `open_server` gives, with a small pool of connections.

    The parent opens a connection for every event, which is most of what an event costs: 25 assets with a check each
    run in 1.0 s instead of 2.8 s with a pool, on a local socket.
    """

    def __init__(self, storage_url: URL, inst_data: ConfigurableClassData | None = None) -> None:
        text = storage_url.render_as_string(hide_password=False)
        super().__init__(text, inst_data=inst_data)  # creates the tables
        engine = sa.create_engine(
            storage_url,
            isolation_level="AUTOCOMMIT",
            pool_size=POOL_SIZE,
            max_overflow=MAX_OVERFLOW,
            pool_pre_ping=True,  # the embedded server may have been stopped and started in between
        )
        _pooled_engines.add(engine)
        self._run_storage = PooledRunStorage(text, engine)
        self._event_log_storage = PooledEventLogStorage(text, engine)
        self._schedule_storage = PooledScheduleStorage(text, engine)

    @classmethod
    def config_type(cls) -> Any:
        """No settings: `config: {}`."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WarehouseStorage:
        """Open the storage, and with it the embedded server when there is no `WAREHOUSE_URL`."""
        return cls(open_server().storage_url, inst_data=inst_data, **config_value)

    @property
    def event_storage_data(self) -> ConfigurableClassData | None:
        """The event log alone, for those who rehydrate it apart: by way of this class, as no URL is configured."""
        return self._part("LegacyEventLogStorage")

    @property
    def run_storage_data(self) -> ConfigurableClassData | None:
        """The run storage alone, likewise."""
        return self._part("LegacyRunStorage")

    @property
    def schedule_storage_data(self) -> ConfigurableClassData | None:
        """The schedule storage alone, likewise."""
        return self._part("LegacyScheduleStorage")

    def _part(self, class_name: str) -> ConfigurableClassData | None:
        whole = self.inst_data
        if whole is None:
            return None
        config = {"module_name": whole.module_name, "class_name": whole.class_name, "config_yaml": whole.config_yaml}
        return ConfigurableClassData("dagster._core.storage.legacy_storage", class_name, json.dumps(config))


def _ridden_out(storage: type[Storage]) -> type[Storage]:
    """Every question to a storage is asked again when the server restarts amid it.

    An event whose answer was lost may so be stored twice, which shows as the same line twice in the run's log.
    """

    def again(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def asked(*arguments: Any, **named: Any) -> Any:
            return reconnect.ride_out(lambda: method(*arguments, **named))

        return asked

    for name, method in inspect.getmembers(storage, inspect.isfunction):
        if not name.startswith("_"):
            setattr(storage, name, again(method))
    return storage


@_ridden_out
class PooledRunStorage(PostgresRunStorage):
    """Runs, on the shared engine; each carries the process that executes it."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        super().__init__(url, should_autocreate_tables=False)
        self._engine = engine

    def handle_run_event(self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None) -> None:
        """Note a run's new status; a start is reported by the process that executes the run, which is noted before."""
        if event.event_type == DagsterEventType.RUN_START:
            self.add_run_tags(run_id, {PROCESS_TAG: this_process()})
        super().handle_run_event(run_id, event, update_timestamp)

    def connect(self) -> AbstractContextManager[sa.Connection]:
        """A connection of the shared engine."""
        return _connection(self._engine)

    def dispose(self) -> None:
        """Give the connections back; later use opens new ones."""
        super().dispose()
        self._engine.dispose()


@_ridden_out
class PooledEventLogStorage(PostgresEventLogStorage):
    """Events, on the shared engine."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        super().__init__(url, should_autocreate_tables=False)
        self._engine = engine

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event. A mere line of the log is let go with the server: the next event of the run tells of that."""
        try:
            super().store_event(event)
        except sa.exc.OperationalError:
            if event.is_dagster_event:
                raise

    def _connect(self) -> AbstractContextManager[sa.Connection]:
        """A connection of the shared engine."""
        return _connection(self._engine)

    def dispose(self) -> None:
        """Give the connections back; later use opens new ones."""
        super().dispose()
        self._engine.dispose()


@_ridden_out
class PooledScheduleStorage(PostgresScheduleStorage):
    """Schedules, on the shared engine."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        super().__init__(url, should_autocreate_tables=False)
        self._engine = engine

    def connect(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        """A connection of the shared engine."""
        del run_id  # all runs are in one database
        return _connection(self._engine)

    def dispose(self) -> None:
        """Give the connections back; later use opens new ones."""
        super().dispose()
        self._engine.dispose()


@contextmanager
def _connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with closing(reconnect.connect(engine)) as connection:
        yield connection


def _drop_inherited_connections() -> None:
    """A forked child must not speak on its parent's sockets; it opens its own."""
    for engine in _pooled_engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_drop_inherited_connections)
