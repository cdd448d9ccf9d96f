"""How the app reads: read-only transactions as `tmdb_reader`, and errors that say what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from tmdb_assets.language import Language, language
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.reading import (
    NothingToReadError,
    become_reader,
    explain,
    is_undefined,
    no_data_yet,
    reading_engine,
)
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import reading_url
from tmdb_assets.warehouse.server.urls import describe

_EDITION = "select max(date_id), max(loaded_at) from vw_load_status"
_BEHIND = """
select case
    when not pg_is_in_recovery() then null
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())
end
"""


@dataclass(frozen=True)
class Edition:
    """The figures that are available: their database, newest day (UTC), last load, and whether they are samples.

    `language` is that of the texts made of them; as part of it, what is cached is cached by language.
    """

    database: str
    newest_day: dt.date
    loaded_at: dt.datetime
    is_sample: bool
    language: Language = "en"


@contextmanager
def reading() -> Iterator[sa.Connection]:
    """A connection in a read-only transaction. Raises `NothingToReadError` if it, or a query in it, fails."""
    try:
        url = reading_url()
        with _engine(url).connect() as connection, connection.begin():
            yield connection
    except WarehouseUnavailableError as error:
        problem = error.problem
        action = f"{problem.what}. {problem.action}" if problem.action else problem.what
        raise NothingToReadError("The database cannot be used", action=action) from error
    except sa.exc.DBAPIError as error:
        raise explain(error, url, is_embedded=get_settings().reading_url is None) from error


def read_edition() -> Edition:
    """The newest edition. Raises `NothingToReadError` if no day is loaded yet."""
    with reading() as connection:
        try:
            day, loaded_at = connection.execute(sa.text(_EDITION)).one()
        except sa.exc.ProgrammingError as error:
            if is_undefined(error):
                raise no_data_yet() from error
            raise
        if day is None:
            raise no_data_yet()
        return Edition(describe(connection.engine.url), day, loaded_at, get_settings().is_sandbox, language())


def seconds_behind() -> float | None:
    """How far a replica is behind what it has received, 0 if it waits for more; None if it is no replica."""
    with reading() as connection:
        seconds = connection.scalar(sa.text(_BEHIND))
        return None if seconds is None else float(seconds)


@cache
def _engine(url: sa.URL) -> sa.Engine:
    engine = reading_engine(url, "viz", pool_size=3, max_overflow=5, pool_pre_ping=True)
    sa.event.listen(engine, "begin", become_reader)
    return engine
