"""Dagster's own storage (runs, events, schedules) in a database next to the warehouse.

Named in `dagster.yaml`, so that the same file serves an embedded and an external server:

    storage:
      custom:
        module: tmdb_assets.instance.storage
        class: WarehouseStorage
        config: {}

The address is looked up when the storage is opened and never becomes part of the configuration, which Dagster shows.
"""

from __future__ import annotations

import os
import weakref
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster import DagsterEvent, DagsterEventType, DagsterInstance
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresRunStorage, PostgresScheduleStorage

from tmdb_assets.instance.events import PooledEventLogStorage
from tmdb_assets.instance.pooled import OnSharedEngine
from tmdb_assets.instance.run_lock import HELD, hold, release, settle_s
from tmdb_assets.warehouse.schema.roles import require_no_superuser
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, driver_problem
from tmdb_assets.warehouse.server.engine import SYSTEM_PATH_ONLY, lock_schema, make_engine
from tmdb_assets.warehouse.server.open import Server, open_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import URL

# An in-process run holds one or two connections nearly all the time; threads of the daemon come and go.
POOL_SIZE = 2
MAX_OVERFLOW = 20
ENDS = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
TRIAL = "insert into kvs (key, value) values ('tmdb_assets/trial', '')"
LAST_TABLE = "public.jobs"  # Dagster makes the tables of its runs and events before it

_pooled_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


class WarehouseStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` on the server of `open_server`, with a small pool of connections.

    The parent class opens a connection for every event: over a local socket, 25 assets with one check each take 2.8 s;
    with a pool, 1.0 s.
    """

    def __init__(
        self, storage_url: URL, inst_data: ConfigurableClassData | None = None, *, should_autocreate_tables: bool = True
    ) -> None:
        text = storage_url.render_as_string(hide_password=False)
        super().__init__(text, should_autocreate_tables, inst_data=inst_data)
        engine = make_engine(
            storage_url,
            isolation_level="AUTOCOMMIT",
            pool_size=POOL_SIZE,
            max_overflow=MAX_OVERFLOW,  # without a ping before each of 1,400 uses a run: a call that fails is repeated
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
        """Open the storage, and start the embedded server if `WAREHOUSE_URL` is unset.

        Raises `WarehouseUnavailableError` if the server cannot be used.
        """
        del config_value  # it is empty
        return open_storage(open_server(), inst_data)


def open_storage(server: Server, inst_data: ConfigurableClassData | None = None) -> WarehouseStorage:
    """Open the storage on this server; one process at a time makes its tables where they are missing.

    Raises `WarehouseUnavailableError` in a superuser's session if the database belongs to a lesser role.
    """
    url = server.storage_url.set(drivername="postgresql+psycopg")
    with make_engine(url, poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(SYSTEM_PATH_ONLY)
        if not server.is_embedded:
            require_no_superuser(connection)
        is_made = bool(connection.scalar(sa.text("select to_regclass(:name)"), {"name": LAST_TABLE}))
        if not is_made:
            lock_schema(connection)  # held while the parent class makes them on connections of its own
        return WarehouseStorage(server.storage_url, inst_data, should_autocreate_tables=not is_made)


def holding_lock(instance: DagsterInstance, run_id: str) -> AbstractContextManager[dict[str, str]]:
    """Hold the lock of a run that this process is about to make, and give the tags of a run that has it.

    On an instance without such locks it does nothing.
    """
    storage = instance.run_storage
    return storage.holding(run_id) if isinstance(storage, PooledRunStorage) else nullcontext({})


def require_writes(instance: DagsterInstance) -> None:
    """Write something and take it back. Raises `WarehouseUnavailableError` if the database does not let us."""
    storage = instance.run_storage
    if isinstance(storage, PooledRunStorage):
        storage._try_to_write()


class PooledRunStorage(OnSharedEngine, PostgresRunStorage):
    """Runs, each of which holds its lock from its start, reported by the process that executes it, to its end."""

    def handle_run_event(self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None) -> None:
        """Store a run's new status."""
        if event.event_type == DagsterEventType.RUN_START and (tags := hold(self._engine.url, run_id)):
            self.add_run_tags(run_id, tags)
        super().handle_run_event(run_id, event, update_timestamp)
        if event.event_type in ENDS:
            release(run_id)

    @contextmanager
    def holding(self, run_id: str) -> Iterator[dict[str, str]]:
        """Hold the lock of a run that this process is about to make, until the block ends; give the run's tags."""
        try:
            yield hold(self._engine.url, run_id)
        finally:
            release(run_id)

    def _try_to_write(self) -> None:
        """Write something and take it back. Raises `WarehouseUnavailableError` if the database does not let us."""
        try:
            with reconnect.connect(self._engine) as connection:
                connection.execution_options(isolation_level="READ COMMITTED")
                connection.exec_driver_sql(TRIAL)
                connection.rollback()
        except sa.exc.DBAPIError as error:
            problem = driver_problem(error, self._engine.url)
            if problem is None:
                raise
            raise WarehouseUnavailableError.of(problem) from None

    @property
    def settle_s(self) -> float:
        """Seconds that a live run may be without its lock."""
        return settle_s(self._engine.url)

    def held_locks(self) -> set[int]:
        """The keys of the locks of runs (`lock_key`) that are held now."""
        with self.connect() as connection:
            return set(connection.scalars(sa.text(HELD)))


class PooledScheduleStorage(OnSharedEngine, PostgresScheduleStorage):
    """Schedules and sensors."""


def _drop_inherited_connections() -> None:
    """A forked child must not use its parent's sockets; it opens its own."""
    for engine in _pooled_engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_drop_inherited_connections)
