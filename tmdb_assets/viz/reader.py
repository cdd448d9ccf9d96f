"""How the app reads: read-only transactions as `tmdb_reader`, and errors that say what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.schema.roles import require_no_superuser
from tmdb_assets.warehouse.server.databases import CONNECT_TIMEOUT_S, WarehouseUnavailableError, first_line
from tmdb_assets.warehouse.server.engine import make_engine
from tmdb_assets.warehouse.server.open import reading_url
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, describe

# All settings end with the transaction, so that a pooler in between works. The role is set if it has rights on this
# database and this log-in may set it.
_BEGIN = """
select
    set_config('transaction_read_only', 'on', true),
    set_config('statement_timeout', '60s', true),
    set_config('timezone', 'UTC', true),
    set_config('search_path', 'public', true),
    (
        select set_config('role', r.rolname, true)
        from pg_catalog.pg_roles as r
        where
            r.rolname = 'tmdb_reader' and r.rolname <> current_user
            and has_table_privilege(r.oid, to_regclass('public.vw_load_status'), 'select')
            and pg_has_role(
                r.oid, case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
            )
    )
"""
_EDITION = "select max(date_id), max(loaded_at) from vw_load_status"
_UNDEFINED = {"42P01", "42703", "42883", "3F000"}  # table, column, function, schema
_UNPRIVILEGED = "42501"
_TOO_LONG = "57014"


@dataclass(frozen=True)
class Edition:
    """The figures that are available: their database, newest day (UTC), last load, and whether they are samples."""

    database: str
    newest_day: dt.date
    loaded_at: dt.datetime
    is_sample: bool


class NothingToReadError(ActionableError):
    """There are no figures to show."""


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
        raise _explain(error, url) from error


def read_edition() -> Edition:
    """The newest edition. Raises `NothingToReadError` if no day is loaded yet."""
    with reading() as connection:
        try:
            day, loaded_at = connection.execute(sa.text(_EDITION)).one()
        except sa.exc.ProgrammingError as error:
            if _state(error) in _UNDEFINED:
                raise no_data_yet() from error
            raise
        if day is None:
            raise no_data_yet()
        return Edition(describe(connection.engine.url), day, loaded_at, get_settings().is_sandbox)


def no_data_yet() -> NothingToReadError:
    """What to say before the first load."""
    return NothingToReadError("No data yet", action="Load a day first: `tmdb-assets run`")


@cache
def _engine(url: sa.URL) -> sa.Engine:
    engine = make_engine(
        url,
        pool_size=3,
        max_overflow=5,
        pool_pre_ping=True,
        connect_args={
            "application_name": f"{APPLICATION_NAME} viz",
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "prepare_threshold": None,
        },
    )
    with engine.connect() as connection:
        require_no_superuser(connection)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_BEGIN))
    return engine


def _state(error: sa.exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _explain(error: sa.exc.DBAPIError, url: sa.URL) -> NothingToReadError:
    state, where = _state(error), describe(url)
    if state in _UNDEFINED:
        return NothingToReadError(
            "The database is of another release",
            action=f"Migrate {where} to this one: `tmdb-assets migrate` ({_line(error)})",
        )
    if state == _UNPRIVILEGED:
        return NothingToReadError(
            "This log-in may not read the figures",
            action=f"Create the roles on {where}: `tmdb-assets migrate --roles` ({_line(error)})",
        )
    if state == _TOO_LONG:
        return NothingToReadError(f"The figures took too long: {where} did not answer within a minute", action="Wait")
    if state is None and error.statement is None and get_settings().external_url is None:
        return no_data_yet()  # the embedded server runs, but no run has created its roles
    return NothingToReadError(
        "The database cannot be reached",
        action=f"Postgres at {where} did not answer ({_line(error)}). Start it, load a first day (`tmdb-assets run`), "
        "or correct WAREHOUSE_URL; `tmdb-assets doctor` has details",
        setting="WAREHOUSE_URL",
    )


def _line(error: sa.exc.DBAPIError) -> str:
    return first_line(error.orig or error).rstrip(".")
