"""Connections to a server that may be restarting at this moment: asked for again, for some seconds."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
import tenacity

from tmdb_assets.warehouse.server.databases import TRIES, is_outage

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# How long a restart may take. A pooler that found the server gone asks for it again after 15 s (PgBouncer's default).
PATIENCE_S = 20.0
LONGEST_PAUSE_S = 1.0

Answer = TypeVar("Answer")

_gone: weakref.WeakSet[Engine] = weakref.WeakSet()  # whose server stayed away the last time


def connect(engine: Engine) -> Connection:
    """A connection of the engine's pool; a server that does not answer is asked again for `PATIENCE_S` seconds.

    But once: who ends without the server has more to ask of it, and does not wait again and again.
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


def ride_out(question: Callable[[], Answer]) -> Answer:
    """What `question` returns; it is asked again, by connections of `connect`, when the server goes away amid it.

    It must be one that may be asked again after an answer that was lost on the way.
    """
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_outage), stop=tenacity.stop_after_attempt(TRIES), reraise=True
    )
    return patient(question)
