"""Where the data of the tests' own Postgres servers lie: in memory where there is room for them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
LEAST_FREE = 2 * 1024**3  # bytes; containers have 64 MB of it


def make_server_folder(prefix: str) -> Path:
    """A new folder, deleted at the exit at the latest. In memory, a database is copied in a quarter of the time.

    Not pytest's own folder: a second session takes its permissions away from the user whom Postgres runs as.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= LEAST_FREE
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if in_memory else None))
    # Registered before a server of this process is: it stops first, for what came last is called first.
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
