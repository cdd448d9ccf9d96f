"""One fetcher at a time: a Postgres advisory lock, held by a transaction that stays open while fetching.

The transaction holds the lock, not the session, which changes hands behind a pooler in transaction mode. It reads and
writes nothing and, as it is idle, has no snapshot: vacuum does not wait for it. Every role can take an advisory lock:
a session whose role loads nothing is ended, or named (docs/decisions/0029-a-reader-cannot-stop-a-load.md).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy as sa

from tmdb_assets.errors.problem import KEPT, Retry
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

FETCH_LOCK = 7_308_332_002  # advisory lock of the one fetcher
WAIT = "60s"  # before waiting again: a waiting statement has a snapshot, which holds back vacuum
PAUSE_S = 1.0  # so that no second holds requests of two turns
# Seconds since the previous turn ended; no row for this process's own, whose requests its rate limit counts.
SINCE_LAST_TURN = """
select extract(epoch from clock_timestamp() - coalesce(ended_at, clock_timestamp()))
from fetch_turn
where holder <> :holder
"""
BEGIN_TURN = """
insert into fetch_turn (turn, holder) values (1, :holder)
on conflict (turn) do update set holder = excluded.holder, ended_at = null
"""
END_TURN = "update fetch_turn set ended_at = clock_timestamp() where holder = :holder"

# No time limits for the transaction, whatever the server's settings. Not every version has all three.
UNBOUNDED = """
select set_config(name, '0', true)
from pg_settings
where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""
TRY = "select pg_try_advisory_xact_lock(:lock)"
TAKE = "select pg_advisory_xact_lock(:lock)"
# A restart releases the lock of a process that may not have noticed yet: wait for a moment after it.
PAUSE_AFTER_START = """
select pg_sleep(extract(epoch from pg_postmaster_start_time() - clock_timestamp()) + :pause)
where clock_timestamp() < pg_postmaster_start_time() + make_interval(secs => :pause)
"""
HOLDER = """
select
    a.application_name, a.state_change, a.pid, a.usename as role,
    coalesce(has_table_privilege(a.usesysid, to_regclass('public.fetch_turn'), 'update'), true) as is_loader
from pg_locks as l
inner join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and (l.classid::bigint << 32) + l.objid::bigint = :lock
and l.database = (select oid from pg_database where datname = current_database())
limit 1
"""
END = "select pg_terminate_backend(:pid, 5000)"
MOST_ENDED = 3  # sessions, before a run gives up


class FetchLockLostError(psycopg.OperationalError):
    """The session that held the fetch lock has ended, as in a restart of Postgres; another run may hold it now."""


@contextmanager
def hold_fetch_lock(connection: Connection, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock in a transaction of this connection, which must not be used meanwhile.

    While another process holds it, waits, after passing a text that names that process to `say`.
    """
    lock = {"lock": FETCH_LOCK}
    try:
        _begin(connection)
        if connection.scalar(sa.text(TRY), lock):
            connection.execute(sa.text(PAUSE_AFTER_START), {"pause": PAUSE_S})
        else:
            for number in itertools.count(1):
                holder = find_holder(connection)
                if holder is not None and not holder.is_loader:
                    say(_end_intruder(connection, holder, number))
                elif number == 1:
                    say(_describe_holder(holder))
                if _is_taken(connection):
                    break
                connection.rollback()
                _begin(connection)
        # A statement with parameters leaves a portal with a snapshot; one without parameters removes both.
        connection.exec_driver_sql("select 1")
        yield
    finally:
        _end(connection)


@contextmanager
def take_turn(engine: Engine, holder: str, pause_s: float = PAUSE_S) -> Iterator[None]:
    """A turn of requests to TMDb, taken while holding the lock; it begins `pause_s` seconds after another's end.

    A turn that was cut off, as by a kill, counts as ending now. The lock cannot show this: it is free between two steps
    of a run.
    """
    with engine.begin() as connection:
        since = connection.scalar(sa.text(SINCE_LAST_TURN), {"holder": holder})
        connection.execute(sa.text(BEGIN_TURN), {"holder": holder})
        if since is not None and since < pause_s:
            connection.execute(sa.text("select pg_sleep(:pause)"), {"pause": pause_s - float(since)})
    try:
        yield
    finally:
        with suppress(sa.exc.DBAPIError), engine.begin() as connection:  # if this fails, the turn counts as cut off
            connection.execute(sa.text(END_TURN), {"holder": holder})


def require_session(connection: Connection) -> None:
    """Raise `FetchLockLostError` when the server or a pooler has closed this idle connection.

    Raises `TypeError` for a connection that is not psycopg 3's.
    """
    session = connection.connection.driver_connection
    if not isinstance(session, psycopg.Connection):
        raise TypeError(f"the warehouse is reached by psycopg 3, not by {type(session).__name__}")
    try:
        for _ in ("the server's last message", "the end of the stream"):
            session.pgconn.consume_input()  # does not wait
    except psycopg.OperationalError as error:
        raise FetchLockLostError(f"the session that held the fetch lock has ended: {error}") from error
    if session.closed:
        raise FetchLockLostError("the session that held the fetch lock has ended")


def _begin(connection: Connection) -> None:
    connection.begin()
    connection.execute(sa.text(UNBOUNDED))


def _is_taken(connection: Connection) -> bool:
    """Wait for the lock for up to `WAIT`; False, with the transaction failed, if it was not released."""
    connection.execute(sa.text("select set_config('lock_timeout', :wait, true)"), {"wait": WAIT})
    try:
        connection.execute(sa.text(TAKE), {"lock": FETCH_LOCK})
    except sa.exc.OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True


def _end(connection: Connection) -> None:
    """Release the lock; where the server is gone, it was released with the session."""
    try:
        connection.rollback()
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise


def find_holder(connection: Connection) -> sa.Row[tuple[str, dt.datetime, int, str, bool]] | None:
    """Who holds the lock: application_name, state_change, pid, role, is_loader; the first two may be hidden."""
    return connection.execute(sa.text(HOLDER), {"lock": FETCH_LOCK}).one_or_none()


def _describe_holder(holder: sa.Row[tuple[str, dt.datetime, int, str, bool]] | None) -> str:
    who = "just ended"
    if holder is not None:  # Postgres hides both of another role's session
        since = f", since {holder.state_change:%Y-%m-%d %H:%M:%S} UTC" if holder.state_change else ""
        who = (holder.application_name or f"of the role {holder.role}") + since
    return f"Another run is requesting data for this warehouse ({who}). Waiting; this run continues when it ends."


def _end_intruder(connection: Connection, holder: sa.Row[tuple[str, dt.datetime, int, str, bool]], number: int) -> str:
    """End the session of a role that may not load days, or wait for it once; returns what is done.

    Raises `WarehouseUnavailableError`, which names the role, after that wait, and where others follow that session.
    """
    who = f"the role {holder.role} (session {holder.pid}), which may not load days"
    with suppress(sa.exc.ProgrammingError), connection.begin_nested():  # this role may not end it
        if number <= MOST_ENDED and connection.scalar(sa.text(END), {"pid": holder.pid}):
            return f"The lock for requests to TMDb was held by {who}: its session was ended."
    if number == 1:
        return f"The lock for requests to TMDb is held by {who}. Waiting for {WAIT} at most."
    raise WarehouseUnavailableError(
        f"The lock for requests to TMDb is held by {who}",
        kept=KEPT,
        action=f"End its session (as an administrator: select pg_terminate_backend({holder.pid});)",
        retry=Retry.LATER,
    )
