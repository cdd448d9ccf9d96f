"""The databases on a Postgres server: connected to with retries, checked, and created where missing."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import tenacity
from psycopg import errors, sql

from tmdb_assets.errors.problem import KEPT, UNCHANGED, ActionableError, Problem, Retry, plain
from tmdb_assets.warehouse.server.engine import READ_ONLY, SYSTEM_PATH_ONLY
from tmdb_assets.warehouse.server.libpq import set_variables
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, describe, has_timeout, render_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

OLDEST_VERSION = 15
SETTING = "WAREHOUSE_URL"
NO_SPACE = "Free space on the server's disk; if it speaks of shared memory, in /dev/shm (a container: --shm-size=256m)"
# Errors of the drivers that say something about the server, and not about a statement of ours.
_KINDS = (
    "OperationalError",
    "InterfaceError",
    "errors.ReadOnlySqlTransaction",
    "errors.IdleInTransactionSessionTimeout",
)
DRIVER_ERRORS = {f"{driver}.{kind}" for driver in ("psycopg", "psycopg2") for kind in _KINDS}
LOST = "psycopg2.DatabaseError"  # itself, not its subclasses: a connection that ended within a statement
# SQLSTATEs, or their beginnings (https://www.postgresql.org/docs/current/errcodes-appendix.html), that pass without
# anybody's help: no connection, a server without a free one, one that is read-only, stops or starts.
PASSING = ("08", "25", "53300", "57P")
REFUSALS = {
    READ_ONLY: (
        "accepts no writes",
        "If this is a standby or was the primary before a failover, let WAREHOUSE_URL name the primary; else end its "
        "default_transaction_read_only",
    ),
    "53100": ("stopped the work", NO_SPACE),
    "53200": ("is out of memory", "Give the server more memory, or lower its work_mem"),
    "53300": ("has no free connection", "Close other sessions, or raise max_connections"),
    **dict.fromkeys(("08", "25P", "57P"), ("went away", None)),
}
"""SQLSTATE, or its beginning -> what Postgres did, and what to do about it."""
TRIES = 3  # of a statement during which the server restarts
# A refused connection has no SQLSTATE: of Postgres with lc_messages in English, and of PgBouncer.
FULL = ("too many clients", "too many connections", "remaining connection slots", "no more connections allowed")
POOLER_LACKS = "no such database"  # PgBouncer's message, never translated; Postgres's differs
PROBE_TIMEOUT_S = 4  # to find out whether the server is there: for each address of the host, and again for PQping

Connection = psycopg.Connection[tuple[Any, ...]]


class WarehouseUnavailableError(ActionableError):
    """The warehouse cannot be used."""

    kept = UNCHANGED


def ensure_databases(
    targets: Sequence[URL], *, maintenance: Sequence[URL], patience_s: float, locale: str | None = None
) -> None:
    """Create those databases of `targets`, all on one server, that do not exist: UTF8, from template0.

    `locale` is a builtin one, like C.UTF-8 (from version 17 on); None: the server's default. Connects to the first of
    the first target and `maintenance` that accepts, then once to each target, because a pooler may lack an entry for
    it. Retries an unreachable server for `patience_s` seconds; a refusal is final. Several processes may call it at
    once. Raises `WarehouseUnavailableError`, also for a server older than version 15 and a database that is not UTF8.
    """
    where, names = describe(targets[0]), [str(url.database) for url in targets]
    tries = 0
    while True:
        tries += 1
        with closing(_connect_first([targets[0], *maintenance], patience_s)) as connection:
            if connection.info.server_version < OLDEST_VERSION * 10_000:
                raise WarehouseUnavailableError(
                    f"Postgres at {where} is version {connection.info.server_version // 10_000}; "
                    f"the warehouse needs {OLDEST_VERSION} or later",
                    action="Upgrade it, or name another in WAREHOUSE_URL",
                    setting=SETTING,
                )
            try:
                _create_missing(connection, names, where, locale)
            except psycopg.Error as error:
                if is_outage(error) and tries < TRIES:
                    continue
                raise WarehouseUnavailableError(f"Postgres at {where} reports: {first_line(error)}") from None
            reached = connection.info.dbname
        break
    for url in targets:
        if url.database != reached:
            _connect_first([url], patience_s).close()


def _create_missing(connection: Connection, names: list[str], where: str, locale: str | None) -> None:
    with connection.transaction():
        connection.execute(SYSTEM_PATH_ONLY)
        rows = connection.execute(
            "select datname, pg_encoding_to_char(encoding), has_database_privilege(oid, 'connect') "
            "from pg_database where datname = any(%s)",
            [names],
        ).fetchall()
    for name, encoding, may_connect in rows:
        if encoding != "UTF8":
            raise WarehouseUnavailableError(
                f"The database {name} at {where} has the encoding {encoding}, which cannot store every title",
                action="Name another one in WAREHOUSE_URL; a missing one is created as UTF8",
                setting=SETTING,
            )
        if not may_connect:
            raise WarehouseUnavailableError(
                f'The role "{connection.info.user}" may not connect to the database {name} at {where}',
                action=f'Ask an administrator to run: grant connect on database "{name}" to "{connection.info.user}";',
            )
    missing = [name for name in names if name not in {row[0] for row in rows}]
    try:
        for name in missing:
            _create(connection, name, locale)
    except errors.InsufficientPrivilege:
        statements = " ".join(
            f'create database "{name}" owner "{connection.info.user}" encoding \'UTF8\' template template0;'
            for name in missing
        )
        raise WarehouseUnavailableError(
            f'The role "{connection.info.user}" may not create databases at {where}',
            action=f"Ask an administrator to run: {statements}",
        ) from None


def _create(connection: Connection, name: str, locale: str | None) -> None:
    statement = sql.SQL("create database {} encoding 'UTF8' template template0").format(sql.Identifier(name))
    if locale and connection.info.server_version >= 170_000:
        statement += sql.SQL(" locale_provider builtin builtin_locale {}").format(sql.Literal(locale))
    try:
        connection.execute(statement)
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        return  # another process was faster


def _connect_first(candidates: list[URL], patience_s: float) -> Connection:
    """A connection to the first candidate that accepts; raises the first refusal when none does."""
    refusals: list[WarehouseUnavailableError] = []
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_worth_a_try),
        stop=tenacity.stop_after_delay(patience_s),
        wait=tenacity.wait_exponential(multiplier=0.2, max=2),
        reraise=True,
    )
    for url in dict.fromkeys(candidates):
        try:
            return patient(_connect, url)
        except WarehouseUnavailableError as error:
            if _is_worth_a_try(error):
                raise
            refusals.append(error)
    raise refusals[0]


def _is_worth_a_try(error: BaseException) -> bool:
    return isinstance(error, WarehouseUnavailableError) and error.problem.retry is Retry.NOW


def _connect(url: URL) -> Connection:
    conninfo = render_url(url)
    try:
        return psycopg.connect(
            conninfo,
            autocommit=True,
            connect_timeout=None if has_timeout(url) else PROBE_TIMEOUT_S,
            application_name=APPLICATION_NAME,
            client_encoding="utf8",  # else text from a SQL_ASCII database arrives as bytes
        )
    except psycopg.OperationalError as error:
        # A failed connection has no sqlstate, and its text may be in any language: PQping says whether it was refused.
        if error.pgconn is None or isinstance(error, errors.ConnectionTimeout) or not _is_refused(conninfo):
            raise WarehouseUnavailableError(
                f"Postgres at {describe(url)} cannot be reached ({first_line(error, url)})",
                action=f"Start it, or correct WAREHOUSE_URL{_variables()}",
                setting=SETTING,
                retry=Retry.NOW,  # nothing answered, or the server is still starting
            ) from None
        raise _refusal(url, error) from None
    except (psycopg.Error, UnicodeError) as error:  # an unknown parameter, an invalid host name
        raise _refusal(url, error) from None


def _refusal(url: URL, error: Exception) -> WarehouseUnavailableError:
    """The server refused the connection, and would refuse it again."""
    action, retry = f"Correct user, password or database in WAREHOUSE_URL{_variables()}", None
    if any(text in str(error) for text in FULL):
        action, retry = REFUSALS["53300"][1] or action, Retry.NOW
    if POOLER_LACKS in str(error):
        action = (
            f"This is a connection pooler: add an entry for {url.database} to its [databases], or let WAREHOUSE_URL "
            "name the server itself"
        )
    what = f"Postgres at {describe(url)} refuses the connection ({first_line(error, url)})"
    return WarehouseUnavailableError(what, action=action, setting=SETTING, retry=retry)


def _variables() -> str:
    """The end of an advice: the caller's variables of libpq, if there are any."""
    names = ", ".join(set_variables())
    return f", or what the environment adds to it ({names})" if names else ""


def _is_refused(conninfo: str) -> bool:
    """By PQping, which needs no valid user or database: the server accepts connections, or a parameter is invalid.

    It names another database: after a refusal a pooler lets all that ask for the same one wait.
    """
    full = psycopg.conninfo.make_conninfo(conninfo, connect_timeout=PROBE_TIMEOUT_S, dbname="postgres")
    return psycopg.pq.PGconn.ping(full.encode()) in {psycopg.pq.Ping.OK, psycopg.pq.Ping.NO_ATTEMPT}


def driver_problem(error: BaseException, url: URL | None = None) -> Problem | None:
    """The problem behind `error` if it was caused by an error of psycopg, or of Dagster's psycopg2; else None.

    A server that went away, cannot be reached, has no free connection or accepts no writes may be retried at once,
    anything else later.
    """
    cause = _find_driver_error(error)
    if cause is None:
        return None
    state = _state(cause)
    did, action = next((found for key, found in REFUSALS.items() if state.startswith(key)), ("stopped the work", None))
    where = f" at {describe(url)}" if url is not None else ""
    if holders := getattr(cause, "holders", None):
        action = f"Locks are held by {', '.join(holders)}: let these sessions end, or end them (pg_terminate_backend)"
    retry = Retry.NOW if state.startswith(PASSING) else Retry.LATER
    return Problem(f"Postgres{where} {did} ({first_line(cause)})", KEPT, action, retry=retry)


def is_outage(error: BaseException) -> bool:
    """Whether `error` comes from a server that went away, cannot be reached or does not write: a retry may succeed."""
    problem = driver_problem(error)
    return problem is not None and problem.retry is Retry.NOW


def is_read_only(error: BaseException) -> bool:
    """Whether the server refused to write, as a standby does, or one that was a primary before a failover."""
    cause = _find_driver_error(error)
    return cause is not None and _state(cause) == READ_ONLY


def _find_driver_error(error: BaseException) -> BaseException | None:
    """The database driver's error that caused `error`. Drivers are matched by name, so that neither is imported."""
    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        names = [f"{kind.__module__}.{kind.__name__}" for kind in type(cause).__mro__]
        if DRIVER_ERRORS & {*names} or names[0] == LOST:
            return cause
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _state(cause: BaseException) -> str:
    """The SQLSTATE of a driver's error; that of a lost connection where nothing answered."""
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "08006"


def first_line(error: BaseException, url: URL | None = None) -> str:
    """The first line of an error's text, or its name where it has none; `plain`, without the parameters of `url`.

    libpq quotes the value of a parameter that it cannot use.
    """
    lines = str(error).strip().splitlines()
    line = plain(lines[0]) if lines else type(error).__name__
    for value in () if url is None else [url.password, *url.query.values()]:
        line = re.sub(rf"(?<=[\"']){re.escape(str(value))}(?=[\"'])", "***", line)
    return line
