"""The warehouse as the assets see it: transactions, and the lock that lets one fetcher at a time ask TMDb."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import orjson
import sqlalchemy as sa

from tmdb_assets.settings import Settings, get_settings
from tmdb_assets.warehouse.ddl import ensure_schema
from tmdb_assets.warehouse.server import open_server

FETCH_LOCK = 7_308_332_002  # advisory lock of the one fetcher
STATEMENT_TIMEOUT = "30min"
LOCK_TIMEOUT = "10min"


class Warehouse:
    """A Postgres database with the declared schema; connects, and brings the schema up, at first use."""

    def __init__(self, url: sa.URL | None = None, settings: Settings | None = None) -> None:
        self._given_url = url
        self._settings = settings

    @cached_property
    def url(self) -> sa.URL:
        """The address of the database; starts the embedded server when there is no `WAREHOUSE_URL`."""
        return self._given_url or open_server(self._settings or get_settings()).url

    @cached_property
    def engine(self) -> sa.Engine:
        """The engine of this process: at most five connections, named, with bounded waits."""
        engine = sa.create_engine(
            self.url,
            pool_size=3,
            max_overflow=2,
            pool_pre_ping=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={
                "application_name": f"tmdb-assets {os.getpid()}",
                "options": _options(self.url),
                "client_encoding": "utf8",
            },
        )
        ensure_schema(engine)
        return engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A connection inside one transaction: committed at the end, rolled back on any error."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def fetch_lock(self, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the right to ask TMDb, over all runs on this warehouse; it dies with its process.

        While another process has it, `say` tells whom this one waits for, and it waits.
        """
        with self.engine.connect() as connection:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(FETCH_LOCK))):
                say(_holder(connection))
                connection.execute(sa.text("set lock_timeout = 0"))
                connection.execute(sa.text("set statement_timeout = 0"))
                connection.execute(sa.select(sa.func.pg_advisory_lock(FETCH_LOCK)))
                # So that no second holds the last requests of the one and the first of the other.
                connection.execute(sa.text("select pg_sleep(1)"))
            connection.commit()  # no transaction stays open while the fetching goes on
            try:
                yield
            finally:
                _unlock(connection)

    def close(self) -> None:
        """Close the connections of this process."""
        if "engine" in self.__dict__:
            self.engine.dispose()
            del self.__dict__["engine"]


def _unlock(connection: sa.Connection) -> None:
    """Give the fetch lock back at once, and end the session, whose settings may have changed."""
    try:
        connection.execute(sa.select(sa.func.pg_advisory_unlock(FETCH_LOCK)))
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
    finally:
        connection.invalidate()  # where the server is gone, the lock went with the session


def _options(url: sa.URL) -> str:
    """The session settings of the URL, then ours: the driver would take only one of the two."""
    given = url.query.get("options", ())
    ours = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
    return " ".join([given] if isinstance(given, str) else given) + " " + ours


def _holder(connection: sa.Connection) -> str:
    holder = connection.execute(
        sa.text(
            "select application_name, backend_start from pg_stat_activity join pg_locks using (pid) "
            "where locktype = 'advisory' and granted and (classid::bigint << 32) + objid::bigint = :lock "
            "and database = (select oid from pg_database where datname = current_database()) limit 1"
        ),
        {"lock": FETCH_LOCK},
    ).one_or_none()
    who = f"{holder[0]}, connected since {holder[1]:%Y-%m-%d %H:%M:%S} UTC" if holder else "just ended"
    return (
        f"Another run is asking TMDb for this warehouse ({who}). Waiting for it; this run goes on when it has finished."
    )
