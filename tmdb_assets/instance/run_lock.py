"""A run's lock: its process holds it in Postgres from start to end, so that it ends with the process (decision 22).

The lock is an advisory one in Dagster's database, held by an open transaction: behind a pooler in transaction mode, a
session changes hands. Where the connection is lost, as in a restart of Postgres, a thread takes the lock again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmdb_assets.warehouse.server.engine import SYSTEM_PATH_ONLY, make_engine
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

LOCK_TAG = ".dagster/tmdb_assets_lock"
"""The tag of a run that was begun under its lock; its value is the run's id, because a repeated run inherits tags."""

BEAT_S = 1.0  # how often the holder notices that its connection is lost
START_WAIT_S = 10.0
LOST_PEER_S = 8  # without an answer, after which a connection, or an attempt at one, is given up
# Longer than a live process is without its lock after its server was lost in silence: a beat until it asks, the lost
# connection, a last attempt at the lost machine, and a beat.
SETTLE_S = 2 * (LOST_PEER_S + BEAT_S) + 2
LOCAL_SETTLE_S = 2 * BEAT_S + 2  # over a Unix socket no loss is silent: a beat until it asks, an attempt, and a beat

# Without time limits, whatever the server's settings; and a machine that lost its power is noticed within a minute. Not
# every version has all of them.
BEGIN = """
select set_config(name, wanted.value, true)
from pg_settings
inner join (values
    ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
    ('tcp_keepalives_idle', '20'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')
) as wanted (name, value) using (name)
"""
TRY = "select pg_try_advisory_xact_lock(:key)"
HELD = """
select (classid::bigint << 32) | objid::bigint
from pg_locks
where
    locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
"""

logger = logging.getLogger(__name__)
_held: dict[str, RunLock] = {}


def lock_key(run_id: str) -> int:
    """The key of a run's advisory lock."""
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], signed=True)


def settle_s(url: URL) -> float:
    """Seconds that a live run may be without its lock on this server, after which it is taken for dead."""
    is_local = str(url.host or url.query.get("host", "")).startswith("/")
    return LOCAL_SETTLE_S if is_local else SETTLE_S


def hold(url: URL, run_id: str) -> dict[str, str]:
    """Hold a run's lock until `release`, or until this process ends, however it ends; return the tags that say so.

    They are none while the lock cannot be taken, such as when the server has no free slot: the run goes on, and nobody
    may take it for dead.
    """
    if run_id not in _held:
        _held[run_id] = RunLock(url, run_id)
        if not _held[run_id].was_taken:
            logger.warning("Run %s goes on without its lock: if its process is killed, nobody notices.", run_id)
    return {LOCK_TAG: run_id} if _held[run_id].was_taken else {}


def release(run_id: str) -> None:
    """Release the lock of a run that has ended; nothing if another process has it."""
    lock = _held.pop(run_id, None)
    if lock is not None:
        lock.release()


class RunLock:
    """The lock of one run, kept by a thread of the process that executes it."""

    def __init__(self, url: URL, run_id: str) -> None:
        """Take the lock; without it after `START_WAIT_S`, the thread goes on trying."""
        self._engine = make_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=sa.NullPool,
            connect_args={
                "application_name": f"{APPLICATION_NAME} {os.getpid()} run {run_id[:8]}",
                "connect_timeout": LOST_PEER_S,
                "tcp_user_timeout": LOST_PEER_S * 1000,
                "prepare_threshold": None,
            },
        )
        self._key = lock_key(run_id)
        self._is_held, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lock of run {run_id}", daemon=True)
        self._thread.start()
        self._is_held.wait(START_WAIT_S)

    @property
    def was_taken(self) -> bool:
        """Whether the lock has been taken, though its connection may be lost now."""
        return self._is_held.is_set()

    def release(self) -> None:
        """Release the lock."""
        self._is_over.set()
        self._thread.join(START_WAIT_S)

    def _keep(self) -> None:
        while not self._is_over.is_set():
            try:
                with self._engine.connect() as connection:
                    self._hold(connection)
            except sa.exc.DBAPIError as error:
                logger.debug("The lock of a run was lost (%s); it is taken again.", error)
            self._is_over.wait(BEAT_S)

    def _hold(self, connection: sa.Connection) -> None:
        """Hold the lock until it is released, or another session has it, such as a lost one of this process."""
        connection.exec_driver_sql(SYSTEM_PATH_ONLY)
        connection.exec_driver_sql(BEGIN)
        if not connection.scalar(sa.text(TRY), {"key": self._key}):
            return
        self._is_held.set()
        while True:
            connection.exec_driver_sql("select 1")  # without parameters: leaves no snapshot, so vacuum does not wait
            if self._is_over.wait(BEAT_S):
                return


os.register_at_fork(after_in_child=_held.clear)  # they are the parent's
