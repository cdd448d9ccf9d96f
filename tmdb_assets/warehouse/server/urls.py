"""Postgres URLs: normalised, rendered for libpq, and described without their secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from tmdb_assets.settings import Settings

READER = "tmdb_reader"  # the role of those who only read (sql/roles.sql)
APPLICATION_NAME = "tmdb-assets"  # prefix of every connection's; the embedded server stays up for others


def normalise(url: URL) -> URL:
    """Any Postgres URL for SQLAlchemy with psycopg 3; user, password and database move from its query to their places.

    `postgres://`, another driver's suffix, sockets, several hosts and libpq parameters such as sslmode are understood.
    """
    query = {**url.query}
    user, password, database = (query.pop(name, None) for name in ("user", "password", "dbname"))
    query.setdefault("application_name", APPLICATION_NAME)
    return url.set(
        drivername="postgresql+psycopg",
        username=url.username or (str(user) if user else None),
        password=url.password or (str(password) if password else None),
        database=str(database) if database else url.database,
        query=query,
    )


def describe(url: URL) -> str:
    """`host:port/database`, safe to print: no user, password or parameters. What the URL leaves open, libpq reads."""
    host, port = _host_and_port(url)
    host, port = host or os.environ.get("PGHOST", "local socket"), port or os.environ.get("PGPORT", "5432")
    return f"{host}:{port if port.replace(',', '0').isdigit() else '?'}/{url.database}"


def has_timeout(url: URL) -> bool:
    """Whether the URL or the environment says how long to wait for a connection."""
    return "connect_timeout" in url.query or "PGCONNECT_TIMEOUT" in os.environ


def render_url(url: URL) -> str:
    """The URL with its password for libpq programs (psql, pg_dump, BI tools): a `postgresql://` URI.

    Written by libpq's rules (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), which
    differ from SQLAlchemy's: a space is %20 and never +, and several hosts are one comma-separated parameter.
    """
    query = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    if query.get("application_name") == APPLICATION_NAME:
        del query["application_name"]
    if not url.host:
        host, port = _host_and_port(url)
        query |= ({"host": host} if host else {}) | ({"port": port} if port else {})
    user = quote(url.username or "", safe="")
    password = f":{quote(str(url.password), safe='')}" if url.password else ""
    login = f"{user}{password}@" if user or password else ""
    server = f"[{url.host}]" if url.host and ":" in url.host else quote(url.host or "", safe="")
    port_part = f":{url.port}" if url.host and url.port else ""
    tail = f"?{urlencode(query, quote_via=quote, safe='/')}" if query else ""
    return f"postgresql://{login}{server}{port_part}/{quote(url.database or '', safe='')}{tail}"


def reader_url(url: URL, settings: Settings) -> URL:
    """The address for reading: as `tmdb_reader` where it can log in, else unchanged.

    On an external server it can when `WAREHOUSE_READER_PASSWORD` is set; the embedded one needs no password.
    """
    if settings.warehouse_reader_password is not None:
        return url.set(username=READER, password=settings.warehouse_reader_password.get_secret_value())
    return url.set(username=READER) if settings.reading_url is None else url


def _host_and_port(url: URL) -> tuple[str, str]:
    """Host and port as libpq lists them, from the URL's authority or query; a host may be a socket's folder."""
    in_query = url.query.get("host", ())
    hosts = [in_query] if isinstance(in_query, str) else list(in_query)
    ports = url.query.get("port", str(url.port or ""))
    if not ports and any(":" in host and not host.startswith("/") for host in hosts):
        pairs = [host.partition(":") for host in hosts]  # SQLAlchemy's form for several: host=a:1&host=b:2
        return ",".join(pair[0] for pair in pairs), ",".join(pair[2] for pair in pairs)
    return ",".join(hosts) or url.host or "", ports if isinstance(ports, str) else ",".join(ports)
