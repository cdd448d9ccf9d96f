"""How the app and the exports read: as `tmdb_reader`, in read-only transactions, with errors that say what to do."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.warehouse.schema.roles import require_no_superuser
from tmdb_assets.warehouse.server.databases import PROBE_TIMEOUT_S, first_line
from tmdb_assets.warehouse.server.engine import make_engine
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, describe

# All settings end with the transaction, so that a pooler in between works. The role is set if it has rights on this
# database and this log-in may set it.
_BECOME_READER = """
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
_UNDEFINED = {"42P01", "42703", "42883", "3F000"}  # table, column, function, schema
_UNPRIVILEGED = "42501"
_TOO_LONG = "57014"


class NothingToReadError(ActionableError):
    """There are no figures to show."""


def reading_engine(url: sa.URL, purpose: str, **options: Any) -> sa.Engine:
    """An engine for reading; `options` are SQLAlchemy's.

    Raises `sa.exc.DBAPIError` if it cannot connect, and `WarehouseUnavailableError` where a superuser must not read.
    """
    engine = make_engine(
        url,
        connect_args={
            "application_name": f"{APPLICATION_NAME} {purpose}",
            "client_encoding": "utf8",
            "connect_timeout": PROBE_TIMEOUT_S,
            "prepare_threshold": None,
        },
        **options,
    )
    with engine.connect() as connection:
        require_no_superuser(connection)
    return engine


def become_reader(connection: sa.Connection) -> None:
    """Until the transaction ends: read-only, as `tmdb_reader` where this log-in may, a minute for each statement."""
    connection.exec_driver_sql(_BECOME_READER)


def no_data_yet() -> NothingToReadError:
    """What to say before the first load."""
    return NothingToReadError("No data yet", action="Load a day first: `tmdb-assets run`")


def is_undefined(error: sa.exc.DBAPIError) -> bool:
    """Whether the database lacks a table, column or function that was read."""
    return _state(error) in _UNDEFINED


def explain(error: sa.exc.DBAPIError, url: sa.URL, *, is_embedded: bool) -> NothingToReadError:
    """What to say about an error while reading from `url`."""
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
        return NothingToReadError("The figures took too long", action=f"{where} did not answer within a minute. Wait")
    if state is None and error.statement is None and is_embedded:
        return no_data_yet()  # the embedded server runs, but no run has created its roles
    return NothingToReadError(
        "The database cannot be reached",
        action=f"Postgres at {where} did not answer ({_line(error)}). Start it, load a first day (`tmdb-assets run`), "
        "or correct WAREHOUSE_URL; `tmdb-assets doctor` has details",
        setting="WAREHOUSE_URL",
    )


def _state(error: sa.exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _line(error: sa.exc.DBAPIError) -> str:
    return first_line(error.orig or error).rstrip(".")
