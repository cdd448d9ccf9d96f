"""The warehouse as assets use it: transactions, and the lock that lets one process at a time request TMDb."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import orjson
import psycopg
import sqlalchemy as sa

from tmdb_assets.settings import Settings, get_settings
from tmdb_assets.warehouse.ledger.fetch_lock import PAUSE_S, hold_fetch_lock, require_session, take_turn
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.roles import apply_roles, are_made, require_no_superuser
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.engine import LOCK_TIMEOUT, make_engine
from tmdb_assets.warehouse.server.open import database_of, open_server
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, describe, normalise

STATEMENT_TIMEOUT = "30min"
KEEPALIVE_S = 60  # firewalls drop idle connections, and that of the fetch lock is idle for hours


class Warehouse:
    """A Postgres database with the declared schema; connects, and upgrades the schema, at first use.

    Settings last for one transaction and no statement is prepared on the server, so that it works behind a connection
    pooler in transaction mode.
    """

    def __init__(self, url: sa.URL | None = None, settings: Settings | None = None) -> None:
        self._given_url = url
        self.settings = settings or get_settings()
        self._holder = uuid.uuid4().hex
        self._here = threading.local()  # `lock`: the connection with which this thread holds the fetch lock

    @staticmethod
    def describe(settings: Settings) -> dict[str, str]:
        """What the UI shows of it: where the database is and its name; nothing is connected."""
        url = settings.external_url
        server = "embedded, under data/postgres" if url is None else describe(normalise(url)).rpartition("/")[0]
        return {"server": server, "database": database_of(settings)}

    @cached_property
    def url(self) -> sa.URL:
        """The address of the database; starts the embedded server when there is no `WAREHOUSE_URL`."""
        return self._given_url or open_server(self.settings).url

    @cached_property
    def engine(self) -> sa.Engine:
        """The engine of this process: at most five connections, named, with bounded waits."""
        engine = make_engine(
            self.url,
            pool_size=3,
            max_overflow=2,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",  # the database's default may differ
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={
                "application_name": f"{APPLICATION_NAME} {os.getpid()}",
                "client_encoding": "utf8",
                "keepalives_idle": self.url.query.get("keepalives_idle", KEEPALIVE_S),
                "prepare_threshold": None,
            },
        )
        sa.event.listen(engine, "begin", _bound_waits)
        is_embedded = self._given_url is None and self.settings.external_url is None
        with reconnect.begin(engine, is_opening=True) as connection:
            if self._given_url is None and not is_embedded:
                require_no_superuser(connection)
        ensure_schema(engine)
        if is_embedded and not are_made(engine):
            apply_roles(engine, self.settings, is_embedded=True)  # nobody else administers the server
        return engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A connection inside one transaction: committed at the end, rolled back on any error.

        Raises `FetchLockLostError` if this thread lost the fetch lock.
        """
        self.require_fetch_lock()
        with reconnect.begin(self.engine) as connection, connection.get_transaction() or connection.begin():
            yield connection

    @contextmanager
    def fetch_lock(self, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the right to request TMDb, over all runs on this warehouse; it ends with this process.

        While another process holds it, waits, after passing a text that names that process to `say`.
        """
        rate_limit = self.settings.tmdb_rate_limit
        pause_s = max(PAUSE_S, 1 / rate_limit) if rate_limit else PAUSE_S
        with (
            reconnect.connect(self.engine) as connection,
            hold_fetch_lock(connection, say),
            take_turn(self.engine, self._holder, pause_s),
        ):
            self._here.lock = connection
            try:
                yield
            finally:
                self._here.lock = None

    def require_fetch_lock(self) -> None:
        """Raise `FetchLockLostError` if this thread took the fetch lock and lost it, as in a restart of Postgres.

        Cheap: reads the state of the connection, without a query.
        """
        held: sa.Connection | None = getattr(self._here, "lock", None)
        if held is not None:
            require_session(held)

    def close(self) -> None:
        """Close the connections of this process."""
        if "engine" in self.__dict__:
            self.engine.dispose()
            del self.__dict__["engine"]


def _bound_waits(connection: sa.Connection) -> None:
    """Set what a transaction that begins must not have from server, database or role: time limits, path, time zone.

    Raises `ReadOnlySqlTransaction` where it could not write, before the work and not at its end.
    """
    settings = {
        "statement_timeout": STATEMENT_TIMEOUT,
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": "0",  # a step parses between two statements
        "search_path": "public",
        "timezone": "UTC",
    }
    if (connection.dialect.server_version_info or ()) >= (17,):
        settings["transaction_timeout"] = "0"
    calls = ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items())
    found = connection.exec_driver_sql(f"select {calls}, pg_catalog.current_setting('transaction_read_only')").one()
    if found[-1] == "on":
        raise psycopg.errors.ReadOnlySqlTransaction("its sessions are read-only")
