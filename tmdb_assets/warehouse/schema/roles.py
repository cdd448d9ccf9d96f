"""Applies `sql/roles.sql`, which says what each role may do, and lets loader and reader log in.

A password is turned into a SCRAM verifier here (RFC 5802), so that it appears in no statement and no log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
import tenacity
from pydantic import SecretStr

from tmdb_assets.settings import SQL_DIR, Settings
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.engine import SYSTEM_PATH_ONLY, lock_schema, make_engine
from tmdb_assets.warehouse.server.passing_login import passing_login
from tmdb_assets.warehouse.server.urls import READER, describe

OWNER, LOADER = "tmdb_owner", "tmdb_loader"
_UNPRIVILEGED = "42501"
# Roles belong to the server and a lock to one database, so roles made for two databases at once may still collide
# ("tuple concurrently updated" is an internal error), or with a load (deadlock). It is one transaction: repeated.
_COLLISIONS = (psycopg.errors.InternalError_, psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected)
STORAGE_TABLES = """
select format('alter table public.%I owner to %I', relname, cast(:loader as text)) from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and pg_get_userbyid(relowner) = current_user
"""


def apply_roles(
    engine: sa.Engine, settings: Settings, *, is_embedded: bool, storage_database: str | None = None
) -> None:
    """Make the roles and grant them what they need.

    Loader and reader may log in if `WAREHOUSE_LOADER_PASSWORD` and `WAREHOUSE_READER_PASSWORD` are set; on the embedded
    server the reader always may, by its socket. A loader with a password becomes the owner of `storage_database`
    (Dagster's) and of the tables that this role made there, so that services can do everything as the loader. Raises
    `WarehouseUnavailableError`, with nothing changed, where this role may not make roles.
    """
    collides = tenacity.retry_if_exception(lambda error: isinstance(getattr(error, "orig", None), _COLLISIONS))
    patient = tenacity.Retrying(
        retry=collides, stop=tenacity.stop_after_attempt(20), wait=tenacity.wait_random(max=0.5), reraise=True
    )
    try:
        patient(_apply_roles, engine, settings, is_embedded=is_embedded, storage_database=storage_database)
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _UNPRIVILEGED:
            raise
        raise WarehouseUnavailableError(
            f"The role of WAREHOUSE_URL may not make the roles at {describe(engine.url)}",
            action="Ask an administrator to run sql/roles.sql and then sql/grants.sql on this database, or to give the "
            "role CREATEROLE, the database and the tables",
            setting="WAREHOUSE_URL",
        ) from None


def _apply_roles(engine: sa.Engine, settings: Settings, *, is_embedded: bool, storage_database: str | None) -> None:
    with engine.begin() as connection:
        lock_schema(connection)
        for name in ("roles", "grants"):
            text = (SQL_DIR / f"{name}.sql").read_text(encoding="utf-8")
            connection.exec_driver_sql(text.replace("%", "%%"))
        if settings.warehouse_loader_password is not None:
            _let_in(connection, LOADER, settings.warehouse_loader_password)
            if storage_database is not None:
                quoted = connection.dialect.identifier_preparer.quote(storage_database)
                connection.exec_driver_sql(f"alter database {quoted} owner to {LOADER}")
        if settings.warehouse_reader_password is not None:
            _let_in(connection, READER, settings.warehouse_reader_password)
        elif is_embedded:
            connection.exec_driver_sql(f"alter role {READER} login")
    if settings.warehouse_loader_password is not None and storage_database is not None:
        _hand_over_tables(engine.url.set(database=storage_database))


def _hand_over_tables(storage_url: sa.URL) -> None:
    """Make the loader the owner of the tables that this role made, as in a first run before there was a loader."""
    with make_engine(storage_url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(SYSTEM_PATH_ONLY)
        lock_schema(connection)
        for statement in connection.scalars(sa.text(STORAGE_TABLES), {"loader": LOADER}).all():
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _let_in(connection: sa.Connection, role: str, password: SecretStr) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise LookupError("the connection is closed")
    secret = password.get_secret_value().encode()
    verifier = driver.pgconn.encrypt_password(secret, role.encode(), b"scram-sha-256").decode()
    connection.exec_driver_sql(f"alter role {role} login password '{verifier}'")


def require_no_superuser(connection: sa.Connection) -> None:
    """Raise `WarehouseUnavailableError` in a superuser's session on tables, or in a database, of a lesser role.

    Working there would run functions that the owner may have made (triggers, defaults, views, operators) with the
    superuser's rights; `set role` does not help, as a function can reset it. The transaction stays open, with
    `SYSTEM_PATH_ONLY`.
    """
    owner = _lesser_owner(connection)
    if owner is not None:
        raise WarehouseUnavailableError(
            f"WAREHOUSE_URL logs in as a superuser, but {describe(connection.engine.url)} belongs to {owner}, "
            "whose functions a superuser must not run",
            action="Run WAREHOUSE_LOADER_PASSWORD=... tmdb-assets migrate --roles once, and log in as "
            f"{LOADER} with that password in WAREHOUSE_URL",
            setting="WAREHOUSE_URL",
        )


@contextmanager
def owner_login(url: sa.URL) -> Iterator[sa.URL]:
    """Yield an address for changing the schema: `url`, or a short-lived log-in that acts as the tables' owner.

    The latter where `url` logs in as a superuser and the tables, or the database, belong to a lesser role; see
    `passing_login` and `require_no_superuser`. Raises `sa.exc.DBAPIError` and `psycopg.Error`.
    """
    with make_engine(url, poolclass=sa.NullPool).connect() as connection:
        owner = _lesser_owner(connection)
    if owner is None:
        yield url
        return
    with passing_login(url, owner) as passing:
        yield passing


def _lesser_owner(connection: sa.Connection) -> str | None:
    """The owner of the tables, else of the database, if this session is a superuser's and the owner is none."""
    connection.exec_driver_sql(SYSTEM_PATH_ONLY)
    owner: str | None = connection.scalar(
        sa.text(
            "select o.rolname::text from pg_database as d "
            "left join pg_class as c on c.oid = to_regclass('public.dim_movie') "
            "join pg_roles as o on o.oid in (c.relowner, d.datdba) and not o.rolsuper "
            "join pg_roles as me on me.rolname = session_user and me.rolsuper "
            "where d.datname = current_database() order by o.oid = c.relowner desc nulls last limit 1"
        )
    )
    return owner


def are_made(engine: sa.Engine) -> bool:
    """Whether sql/roles.sql was run: the tables are `tmdb_owner`'s, and PUBLIC may not make temporary ones."""
    owner = sa.text(
        "select pg_get_userbyid(relowner) = :owner "
        "and not has_database_privilege('public', current_database(), 'temporary') "
        "from pg_class where oid = to_regclass('public.dim_movie')"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(SYSTEM_PATH_ONLY)
        return bool(connection.scalar(owner, {"owner": OWNER}))


def find_owner(connection: sa.Connection) -> str | None:
    """The tables' owner, quoted, if it is another role and this one may act as it."""
    owner: str | None = connection.scalar(
        sa.text(
            "select quote_ident(r.rolname) from pg_class as c join pg_roles as r on r.oid = c.relowner "
            "where c.oid = to_regclass('public.dim_movie') and r.rolname <> current_user "
            "and pg_has_role(current_user, r.oid, "
            "case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end)"
        )
    )
    return owner


def act_as_owner(connection: sa.Connection) -> None:
    """Act as the tables' owner until the transaction ends, where this role may, so that it owns what is made."""
    if owner := find_owner(connection):
        connection.exec_driver_sql(f"set local role {owner}".replace("%", "%%"))
