"""Connections and statements that are retried while the server restarts."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
import tenacity

from tmdb_assets.warehouse.server.databases import TRIES, is_outage

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# How long a restart may take. A pooler that lost the server retries after 15 s (PgBouncer's default).
PATIENCE_S = 20.0
LONGEST_PAUSE_S = 1.0

Answer = TypeVar("Answer")

_gone: weakref.WeakSet[Engine] = weakref.WeakSet()  # those for which the last `connect` failed


def connect(engine: Engine) -> Connection:
    """A connection of the engine's pool; retried for `PATIENCE_S` seconds while the server does not answer.

    After such a failure the next call does not retry, so that a run that ends without its server waits only once.
    Raises `sa.exc.DBAPIError`.
    """
    if engine in _gone:
        connection = engine.connect()
        _gone.discard(engine)
        return connection
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(sa.exc.DBAPIError),
        stop=tenacity.stop_after_delay(PATIENCE_S),
        wait=tenacity.wait_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
        reraise=True,
    )
    try:
        return patient(engine.connect)
    except sa.exc.DBAPIError:
        _gone.add(engine)
        raise


def ride_out(work: Callable[[], Answer]) -> Answer:
    """What `work` returns; it is called again when the server goes away during it, up to `TRIES` times in all.

    So it must be safe to repeat after its effect was stored and its answer lost.
    """
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_outage), stop=tenacity.stop_after_attempt(TRIES), reraise=True
    )
    return patient(work)
