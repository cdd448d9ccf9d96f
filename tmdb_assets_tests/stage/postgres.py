"""The warehouse's Postgres for tests: settings for it, plain connections, and other processes that use it."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.stage.waiting import PATIENCE_S

needs_embedded = pytest.mark.skipif(sys.platform == "win32", reason="the embedded Postgres runs on Linux and macOS")

PASSWORD = "räk p@ss:/?#%+&'\""
# Starts the server, prints its pid, runs the given lines, then waits until its input ends.
USER_OF_THE_SERVER = """
import os, sys
from pathlib import Path
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets.warehouse.server.open import open_server, stop_on_signals
stop_on_signals()
data_dir = Path(sys.argv[1])
server = open_server(Settings.load(tmdb_token=None, warehouse_url=None), data_dir=data_dir)
print(find_postmaster(data_dir).pid, flush=True)
exec(sys.argv[2])
sys.stdin.read()
"""


def settings(url: str | None = None, token: str | None = None) -> Settings:
    """The settings with this warehouse and token, None for unset."""
    return Settings.load(tmdb_token=token, warehouse_url=url)


def connect(url: sa.URL) -> psycopg.Connection:
    """A plain connection that commits each statement."""
    return psycopg.connect(render_url(url), autocommit=True)


def can_connect(url: sa.URL) -> bool:
    try:
        connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def database_names(url: sa.URL) -> set[str]:
    with connect(url) as connection:
        return {row[0] for row in connection.execute("select datname from pg_database")}


def as_text(url: sa.URL, drivername: str = "postgresql") -> str:
    """The URL as a user writes it, including the password."""
    return url.set(drivername=drivername).render_as_string(hide_password=False)


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class User:
    """Another process that uses the embedded server on a folder."""

    def __init__(self, data_dir: Path, lines: str = "") -> None:
        command = [sys.executable, "-W", "ignore", "-c", USER_OF_THE_SERVER, str(data_dir), lines]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.postmaster = int(self.process.stdout.readline() or 0)

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.wait()

    def end(self) -> int:
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.stdout.close()
            self.process.stdin.close()


@contextmanager
def using(data_dir: Path, lines: str = ""):
    """Another process that uses the embedded server on a folder; ends with the context."""
    user = User(data_dir, lines)
    try:
        yield user
    finally:
        if user.process.poll() is None:
            user.end()
