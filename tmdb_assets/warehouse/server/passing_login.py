"""A short-lived log-in role, so that a superuser's session runs no code of lesser roles.

`set role` does not protect a superuser: any function may `reset role`. Another log-in does.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from tmdb_assets.warehouse.server.engine import SYSTEM_PATH_ONLY
from tmdb_assets.warehouse.server.urls import render_url

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX = "tmdb_passing_"
LIFETIME = dt.timedelta(minutes=10)  # for logging in; the work itself may last longer

# Roles that a killed process left behind, by the server's clock.
EXPIRED = """
select rolname from pg_roles
where starts_with(rolname, %s) and rolvaliduntil < now()
    and not exists (select from pg_stat_activity where usename = rolname)
"""


@contextmanager
def passing_login(url: URL, role: str) -> Iterator[URL]:
    """Yield `url` for a new log-in that is not a superuser and acts as `role`; the log-in is dropped afterwards.

    What its sessions make belongs to `role`. Its password is random, expires after `LIFETIME`, and reaches the server
    only as a SCRAM verifier. Also drops log-ins that a killed process left behind. The role of `url` must be a
    superuser, or have CREATEROLE and ADMIN on `role`. Raises `psycopg.Error`.
    """
    name, password = f"{PREFIX}{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    login = sql.Identifier(name)
    with psycopg.connect(render_url(url), autocommit=True) as admin:
        with admin.transaction():
            admin.execute(SYSTEM_PATH_ONLY)
            left = admin.execute(EXPIRED, [PREFIX]).fetchall()
            (expiry,) = admin.execute("select (now() + %s)::text", [LIFETIME]).fetchall()[0]
        for (expired,) in left:
            # Another process dropped it, or it owns objects in another database: the next call from there drops it.
            gone = psycopg.errors.UndefinedObject, psycopg.errors.InternalError_  # the latter: dropped at the same time
            with suppress(*gone, psycopg.errors.DependentObjectsStillExist):
                _drop(admin, sql.Identifier(expired))
        verifier = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        with admin.transaction():
            admin.execute(
                sql.SQL("create role {} login nosuperuser password {} valid until {} in role {}").format(
                    login, sql.Literal(verifier), sql.Literal(expiry), sql.Identifier(role)
                )
            )
            # Each of its sessions starts as `role`, so that it owns nothing itself.
            admin.execute(sql.SQL("alter role {} set role to {}").format(login, sql.Identifier(role)))
        try:
            yield url.set(username=name, password=password)
        finally:
            _drop(admin, login)


def _drop(admin: psycopg.Connection, login: sql.Identifier) -> None:
    """Drop the log-in, and what it made in this database under its own name."""
    admin.execute(sql.SQL("drop owned by {}").format(login))
    admin.execute(sql.SQL("drop role {}").format(login))
