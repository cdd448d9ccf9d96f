"""The roles of the warehouse: `sql/roles.sql` applied, and the log-ins of loader and reader.

The text itself tells what each role may. A password is made a SCRAM verifier here (RFC 5802), so that it appears in no
statement and in no log.
"""

from __future__ import annotations

import sqlalchemy as sa
from pydantic import SecretStr

from tmdb_assets.settings import SQL_DIR, Settings
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.urls import READER, describe

OWNER, LOADER = "tmdb_owner", "tmdb_loader"
_UNPRIVILEGED = "42501"


def apply_roles(
    engine: sa.Engine, settings: Settings, *, is_embedded: bool, storage_database: str | None = None
) -> None:
    """Make the roles and grant them what they need; loader and reader may log in where they have a way to.

    Their way is `WAREHOUSE_LOADER_PASSWORD` and `WAREHOUSE_READER_PASSWORD`, or for the reader of the embedded server
    the socket, which only this machine's users reach. A loader that may log in becomes the owner of
    `storage_database`, where Dagster keeps its runs: services can then work as the loader alone.
    Raises `WarehouseUnavailableError` where this role may not make roles; nothing was changed then.
    """
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql((SQL_DIR / "roles.sql").read_text(encoding="utf-8").replace("%", "%%"))
            if settings.warehouse_loader_password is not None:
                _let_in(connection, LOADER, settings.warehouse_loader_password)
                if storage_database is not None:
                    quoted = connection.dialect.identifier_preparer.quote(storage_database)
                    connection.exec_driver_sql(f"alter database {quoted} owner to {LOADER}")
            if settings.warehouse_reader_password is not None:
                _let_in(connection, READER, settings.warehouse_reader_password)
            elif is_embedded:
                connection.exec_driver_sql(f"alter role {READER} login")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _UNPRIVILEGED:
            raise
        raise WarehouseUnavailableError(
            f"The role of WAREHOUSE_URL may not make the roles at {describe(engine.url)}. Nothing was changed. Ask an "
            "administrator to run sql/roles.sql on this database, or give the role CREATEROLE and the tables."
        ) from None


def _let_in(connection: sa.Connection, role: str, password: SecretStr) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise LookupError("the connection is closed")
    secret = password.get_secret_value().encode()
    verifier = driver.pgconn.encrypt_password(secret, role.encode(), b"scram-sha-256").decode()
    connection.exec_driver_sql(f"alter role {role} login password '{verifier}'")


def are_made(engine: sa.Engine) -> bool:
    """Whether the roles were made for this database: the tables are the owner's."""
    owner = sa.text("select pg_get_userbyid(relowner) = :owner from pg_class where oid = to_regclass('dim_movie')")
    with engine.begin() as connection:
        return bool(connection.scalar(owner, {"owner": OWNER}))


def find_owner(connection: sa.Connection) -> str | None:
    """The tables' owner, quoted, where it is another role and this one may act as it."""
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
    """Until the transaction ends, act as the tables' owner where this role may: what is made is the owner's."""
    if owner := find_owner(connection):
        connection.exec_driver_sql(f"set local role {owner}".replace("%", "%%"))
