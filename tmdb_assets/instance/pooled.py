"""What Dagster's storages in Postgres share here: a small pool of connections, and calls repeated over a restart."""

from __future__ import annotations

import inspect
from contextlib import closing, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.warehouse.server import reconnect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster import DagsterInstance

NOT_REPEATED = "store_event"
"""The method that repeats by itself what of its work is safe to repeat."""


class OnSharedEngine:
    """A storage with a shared pool of connections that repeats a call during which the server restarted.

    If the server's answer was lost, the event is stored twice and appears twice in the run's log.
    """

    def __init__(self, url: str, engine: sa.Engine) -> None:
        super().__init__(url, should_autocreate_tables=False)  # type: ignore[call-arg]
        self._engine = engine

    def __init_subclass__(cls) -> None:
        """Make every public method repeatable."""
        super().__init_subclass__()
        for name, method in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_") and name != NOT_REPEATED:
                setattr(cls, name, _repeated(method))

    @contextmanager
    def connect(self, run_id: str | None = None) -> Iterator[sa.Connection]:
        """A connection of the shared engine."""
        del run_id  # all runs are in one database
        with closing(reconnect.connect(self._engine)) as connection:
            yield connection

    _connect = connect  # the event log's name for it

    def dispose(self) -> None:
        """Close the connections; later use opens new ones."""
        super().dispose()  # type: ignore[misc]
        self._engine.dispose()

    def _catch_up(self) -> None:
        """Store what is kept back, before anything is read."""


def store_kept_back(instance: DagsterInstance) -> None:
    """Store the events of an instance that are kept back; nothing on an instance with another storage."""
    storage = instance.event_log_storage
    if isinstance(storage, OnSharedEngine):
        storage._catch_up()


def _repeated(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def repeated(storage: OnSharedEngine, *arguments: Any, **named: Any) -> Any:
        storage._catch_up()
        return reconnect.ride_out(lambda: method(storage, *arguments, **named), storage._engine)

    return repeated
