"""The warehouse's address: the server of `WAREHOUSE_URL`, or the embedded Postgres under `data/postgres`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg
from sqlalchemy.engine import URL

from tmdb_assets.errors.problem import Retry
from tmdb_assets.settings import DATA_DIR, Settings, get_settings
from tmdb_assets.warehouse.server.data_folder import find_bin_dir
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, ensure_databases, first_line
from tmdb_assets.warehouse.server.libpq import apply_environment
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, normalise, reader_url

if TYPE_CHECKING:
    from types import FrameType

    from tmdb_assets.warehouse.server.embedded import EmbeddedPostgres

EMBEDDED_PATIENCE_S = 10.0  # it is ready when it was started
PATIENCE_S = 18.0  # with the last attempt's own timeouts, an unreachable server is reported within 30 s
IN_A_POD = "KUBERNETES_SERVICE_HOST"  # which Kubernetes sets in every container
OWN_DATABASES = frozenset({"tmdb_sandbox", "dagster", "dagster_sandbox"})  # not for real figures


@dataclass(frozen=True)
class Server:
    """Where the tables live. The URLs carry the password: print them with `describe`."""

    url: URL = field(repr=False)
    """The warehouse database, for SQLAlchemy with psycopg 3."""
    storage_url: URL = field(repr=False)
    """Dagster's own database on the same server, for SQLAlchemy with psycopg2 (dagster-postgres fails with 3)."""
    is_embedded: bool
    bin_dir: Path
    """Folder of the bundled psql."""


_lock = threading.RLock()
_servers: dict[tuple[URL | None, bool, Path], Server] = {}
_embedded: dict[Path, EmbeddedPostgres] = {}


def open_server(
    settings: Settings | None = None, *, data_dir: Path = DATA_DIR / "postgres", patience_s: float | None = None
) -> Server:
    """The running server with both databases created; cached. Thread-safe.

    When `settings.external_url` is None, starts or attaches to the embedded server on `data_dir`; it stops when the
    last process that called this ends. Retries an unreachable external server for `patience_s` seconds (default:
    `PATIENCE_S`). Raises `WarehouseUnavailableError`.
    """
    patience_s = PATIENCE_S if patience_s is None else patience_s
    settings = settings or get_settings()
    external = settings.external_url
    _require_shared(settings)
    _prepare(external)
    data_dir = data_dir.expanduser().resolve()
    key = (external, settings.is_sandbox, data_dir)
    with _lock:
        known = _servers.get(key)
        if known and (external is not None or _embedded[data_dir].is_running()):
            return known
        named = _start_embedded(data_dir) if external is None else normalise(external)
        server = Server(
            url=named.set(database=_warehouse_database(settings, named)),
            storage_url=_storage_url(named, settings),
            is_embedded=external is None,
            bin_dir=find_bin_dir(data_dir if external is None else None),
        )
        try:
            ensure_databases(
                [server.url, server.storage_url],
                maintenance=[named, named.set(database="postgres")],
                patience_s=patience_s if external is not None else min(patience_s, EMBEDDED_PATIENCE_S),
                locale="C.UTF-8" if external is None else None,  # the same sort order on every machine
            )
        except WarehouseUnavailableError as error:
            if external is not None or error.problem.retry is not Retry.NOW:
                raise
            raise WarehouseUnavailableError(
                f"The embedded Postgres in {data_dir} does not answer",
                kept="The data is kept",
                action=f"Read {data_dir / 'log'}, and end its process if it does not recover: the next command starts "
                f"it again",
                retry=Retry.NOW,
            ) from error
        _servers[key] = server
        return server


def reading_url(settings: Settings | None = None, *, data_dir: Path = DATA_DIR / "postgres") -> URL:
    """The warehouse's address for reading, its replica's if it has one, as `tmdb_reader` where it can log in.

    Starts or attaches to the embedded server, as `open_server` does; does not connect to an external one, where nothing
    is created and which may be down. Raises `WarehouseUnavailableError`.
    """
    settings = settings or get_settings()
    if settings.reading_url is None:
        return reader_url(open_server(settings, data_dir=data_dir).url, settings)
    _prepare(settings.reading_url)
    named = normalise(settings.reading_url)
    return reader_url(named.set(database=_warehouse_database(settings, named)), settings)


def find_storage_url(settings: Settings) -> URL:
    """The address of Dagster's storage; does not connect to an external server. Raises `WarehouseUnavailableError`."""
    if settings.external_url is None:
        return open_server(settings).storage_url
    _prepare(settings.external_url)
    return _storage_url(normalise(settings.external_url), settings)


def _storage_url(named: URL, settings: Settings) -> URL:
    database = "dagster_sandbox" if settings.is_sandbox else "dagster"
    return named.set(drivername="postgresql+psycopg2", database=database)


def _require_shared(settings: Settings) -> None:
    """Raise `WarehouseUnavailableError` for an embedded server where runs execute elsewhere, or in a pod."""
    if settings.external_url is not None:
        return
    if settings.run_launcher != "code-server":
        raise WarehouseUnavailableError(
            f"Runs execute elsewhere (RUN_LAUNCHER={settings.run_launcher}), and WAREHOUSE_URL is unset here: "
            "an embedded Postgres would be one of this machine alone",
            action="Set WAREHOUSE_URL to the server that all of them share",
            setting="WAREHOUSE_URL",
        )
    if os.environ.get(IN_A_POD):
        raise WarehouseUnavailableError(
            f"This is a pod of Kubernetes ({IN_A_POD} is set), and WAREHOUSE_URL is unset: an embedded Postgres would "
            "be lost with the pod",
            action=f"Set WAREHOUSE_URL to a Postgres server; to try it in a pod whose data may go, unset {IN_A_POD}",
            setting="WAREHOUSE_URL",
        )


def _prepare(external: URL | None) -> None:
    """Prepare the environment. Raises `WarehouseUnavailableError` if PGSERVICE names a service that cannot be read."""
    try:
        apply_environment(external)
    except psycopg.OperationalError as error:
        what = f"PGSERVICE names a service that cannot be read ({first_line(error)})"
        raise WarehouseUnavailableError(what, action="Correct or unset PGSERVICE", setting="PGSERVICE") from None


def find_embedded(url: URL) -> EmbeddedPostgres | None:
    """The embedded server of this process that a URL names, or None."""
    return next((each for each in _embedded.values() if each.address == url.query.get("host")), None)


def leave_running() -> None:
    """Keep the embedded server running when this process ends; the last process of a later command stops it."""
    with _lock:
        for embedded in _embedded.values():
            embedded.leave_running()


def stop_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit, so that this process leaves the embedded server as at a normal end.

    Call it once, from the main thread of a command. An ignored SIGHUP (nohup) stays ignored.
    """
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is not signal.SIG_IGN:
            signal.signal(name, _exit_on_signal)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _forget_after_fork() -> None:
    """A forked child attaches again: locks and exit handlers stay with the parent."""
    global _lock
    _lock = threading.RLock()
    _servers.clear()
    _embedded.clear()


os.register_at_fork(after_in_child=_forget_after_fork)


def _start_embedded(data_dir: Path) -> URL:
    if sys.platform == "win32":
        raise WarehouseUnavailableError(
            "The embedded Postgres runs on Linux and macOS only",
            action="Set WAREHOUSE_URL to a Postgres server",
            setting="WAREHOUSE_URL",
        )
    from tmdb_assets.warehouse.server.embedded import EmbeddedPostgres  # loaded only where it is used

    embedded = _embedded.setdefault(data_dir, EmbeddedPostgres(data_dir))
    running = embedded.start()
    query = {"host": str(running.socket_dir), "port": str(running.port), "application_name": APPLICATION_NAME}
    return URL.create("postgresql+psycopg", username="postgres", database="postgres", query=query)


def database_of(settings: Settings) -> str:
    """The name of the warehouse's database; nothing is connected."""
    if settings.is_sandbox:
        return "tmdb_sandbox"
    return "tmdb" if settings.external_url is None else str(normalise(settings.external_url).database)


def _warehouse_database(settings: Settings, named: URL) -> str:
    if settings.is_sandbox or settings.reading_url is None:
        return database_of(settings)
    if named.database in OWN_DATABASES:
        raise WarehouseUnavailableError(
            f"WAREHOUSE_URL names the database {named.database}, which is reserved for sample figures or for Dagster",
            action="Name another one, like tmdb; it is created when missing",
            setting="WAREHOUSE_URL",
        )
    return str(named.database)
