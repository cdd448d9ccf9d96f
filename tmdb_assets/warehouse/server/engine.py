"""How every engine is made, so that a superuser's session runs no function of another role.

Who may create objects in schema public can create a function or operator that fits a call better than Postgres's own,
and the owner of a database can have schema public searched first. So nothing unqualified is called in a session that
may be a superuser's before `SYSTEM_PATH_ONLY`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from tmdb_assets.warehouse.server.urls import has_timeout

CONNECT_TIMEOUT_S = 10  # of any connection: libpq waits for ever for a server that accepts it and does not answer
SYSTEM_PATH_ONLY = "set local search_path = pg_catalog, pg_temp"
"""Until the transaction ends, only Postgres's own functions, operators and tables are found by a bare name."""

LOCK_TIMEOUT = "10min"
LOCK_NOT_AVAILABLE, READ_ONLY = "55P03", "25006"  # SQLSTATEs
# Sessions that hold locks which can be in our way, those of other roles first; Postgres hides the rest about them.
HOLDERS = """
select format('%s (session %s)', usename, a.pid)
from pg_stat_activity as a
where datname = current_database() and a.pid <> pg_backend_pid() and exists (
    select from pg_locks as l left join pg_class as c on c.oid = l.relation
    where l.pid = a.pid and l.granted and (locktype = 'advisory' or relnamespace = 'public'::regnamespace)
)
order by usename = current_user, backend_start
limit 3
"""

SCHEMA_LOCK = 7_308_332_001  # advisory lock; sql/functions/ensure_partition.sql takes it too


def lock_schema(connection: sa.Connection, wait: str = LOCK_TIMEOUT) -> None:
    """Until the transaction ends, no other process makes or changes tables, views or rights in this database.

    Waits for it no longer than `wait`, which then holds for all locks of the transaction: any role can take this one.
    """
    connection.exec_driver_sql(f"set local lock_timeout = '{wait}'")
    connection.exec_driver_sql(f"select pg_catalog.pg_advisory_xact_lock({SCHEMA_LOCK})")


def make_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine whose connections call nothing by a bare name when they are opened; `options` are SQLAlchemy's.

    A connection is waited for no longer than `CONNECT_TIMEOUT_S` seconds, if nobody says otherwise.
    """
    if not has_timeout(url):
        options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S, **options.get("connect_args", {})}
    engine = sa.create_engine(url, use_native_hstore=False, **options)  # else it looks up the type hstore
    sa.event.listen(engine, "handle_error", _note_holders)
    setattr(engine.dialect, "_get_default_schema_name", lambda _: "public")  # noqa: B010  # else: select current_schema()
    sa.event.listen(engine, "handle_error", _leave_read_only_server)
    return engine


def _note_holders(context: sa.engine.ExceptionContext) -> None:
    """Note in an error about a lock which sessions may hold it, as `holders`: `databases.driver_problem` names them."""
    error = context.original_exception
    if getattr(error, "sqlstate", None) != LOCK_NOT_AVAILABLE or context.engine is None:
        return
    with suppress(sa.exc.SQLAlchemyError), context.engine.connect() as connection:
        connection.exec_driver_sql(SYSTEM_PATH_ONLY)
        setattr(error, "holders", connection.exec_driver_sql(HOLDERS.replace("%", "%%")).scalars().all())  # noqa: B010


def _leave_read_only_server(context: sa.engine.ExceptionContext) -> None:
    """Close the pool's connections to a server that refuses to write: a new one may reach its successor."""
    error = context.original_exception
    if READ_ONLY in {getattr(error, "sqlstate", None), getattr(error, "pgcode", None)}:
        context.is_disconnect = True
