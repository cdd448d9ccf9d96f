"""The data folders of the tests' Postgres servers: in memory where there is room."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
LEAST_FREE = 2 * 1024**3  # bytes; containers have 64 MB of it


def make_server_folder(prefix: str) -> Path:
    """A new folder, deleted at exit at the latest. Copying a database in memory takes a quarter of the time.

    Not in pytest's folder: a second session removes the permissions of the user that Postgres runs as.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= LEAST_FREE
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if in_memory else None))
    # Registered before any server of this process, so called after it: exit handlers run in reverse order.
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
