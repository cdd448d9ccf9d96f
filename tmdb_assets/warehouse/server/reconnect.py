"""Connections and statements that are retried while the server restarts, or has become read-only in a failover."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
import tenacity

from tmdb_assets.warehouse.server.databases import TRIES, is_outage, is_read_only
from tmdb_assets.warehouse.server.open import PATIENCE_S as OPENING_PATIENCE_S
from tmdb_assets.warehouse.server.open import find_embedded
from tmdb_assets.warehouse.server.urls import describe

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# How long an outage may take, from its first failure in this process: a restart, a failover.
PATIENCE_S = 110.0
EMBEDDED_PATIENCE_S = 15.0  # nobody restarts that one, except another command
LONGEST_PAUSE_S = 1.0
QUIET_S = 60.0  # without a failure, after which the next one begins another outage

Answer = TypeVar("Answer")

_failures: dict[str, tuple[float, float]] = {}  # server, or database that is read-only: its first and last failure


class _OutagesLoggedTwice(logging.Filter):
    """Drops what a pool or the driver logs about a lost connection when it cleans up: the outage is an error anyway."""

    def filter(self, record: logging.LogRecord) -> bool:
        errors = [record.exc_info[1]] if record.exc_info else record.args or ()
        return not any(isinstance(each, Exception) and is_outage(each) for each in errors)


for _logger in ("sqlalchemy.pool.impl.QueuePool", "sqlalchemy.pool.impl.NullPool", "psycopg"):
    logging.getLogger(_logger).addFilter(_OutagesLoggedTwice())


def connect(engine: Engine) -> Connection:
    """A connection of the engine's pool; retried for `PATIENCE_S` seconds while the server does not answer.

    The time counts from the first failure of any engine on this server, so that a run that ends without its server
    waits only once. Raises `sa.exc.DBAPIError`.
    """
    return _patiently(engine, engine.connect, _patience(engine))


def begin(engine: Engine, *, is_opening: bool = False) -> Connection:
    """A connection in a transaction; retried like `connect`, also while the session would be read-only.

    `is_opening`: for a shorter time, because a person waits. Raises `sa.exc.DBAPIError` and `psycopg.Error`.
    """

    def begun() -> Connection:
        connection = engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.invalidate()  # the next one may reach another server
            connection.close()
            raise
        return connection

    return _patiently(engine, begun, min(_patience(engine), OPENING_PATIENCE_S if is_opening else PATIENCE_S))


def ride_out(work: Callable[[], Answer], engine: Engine) -> Answer:
    """What `work` returns; it is called again when the server goes away during it, up to `TRIES` times in all.

    While the server refuses to write, it is called again for `PATIENCE_S` seconds. So it must be safe to repeat after
    its effect was stored and its answer lost.
    """

    def is_over(state: tenacity.RetryCallState) -> bool:
        if _refuses_to_write(state):
            return _seconds_of_outage(describe(engine.url)) > _patience(engine)
        return state.attempt_number >= TRIES

    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_outage),
        stop=is_over,
        wait=lambda state: LONGEST_PAUSE_S if _refuses_to_write(state) else 0.0,
        reraise=True,
    )
    return patient(work)


def _patiently(engine: Engine, work: Callable[[], Connection], patience_s: float) -> Connection:
    server = describe(engine.url.set(database=None))
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, sa.exc.DBAPIError) or is_outage(error)),
        stop=lambda _: _seconds_of_outage(server) > patience_s,
        wait=tenacity.wait_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
        reraise=True,
    )
    connection = patient(work)
    _failures.pop(server, None)
    return connection


def _patience(engine: Engine) -> float:
    return min(PATIENCE_S, EMBEDDED_PATIENCE_S) if find_embedded(engine.url) else PATIENCE_S


def _seconds_of_outage(where: str) -> float:
    """Note a failure there; how long ago the first one of this outage was."""
    now = time.monotonic()
    first, last = _failures.get(where, (now, now))
    _failures[where] = (first if now - last < QUIET_S else now, now)
    return now - _failures[where][0]


def _refuses_to_write(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome is not None else None
    return error is not None and is_read_only(error)
