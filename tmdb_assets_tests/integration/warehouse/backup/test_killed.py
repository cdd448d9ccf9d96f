"""A restore that is killed leaves the former warehouse or the new one, complete; the next restore cleans up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import COUNTS, everything, execute, on
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.postgres import as_text, database_names

# Kills itself instead of calling a function.
KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from tmdb_assets.warehouse.backup import fill, restore, successor
from tmdb_assets.warehouse.server.open import Server
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
module, name = sys.argv[4].split(".")
setattr(globals()[module], name, die)
url, storage_url = map(sa.make_url, sys.argv[1:3])
restore.restore(Server(url, storage_url, False, Path()), Path(sys.argv[3]), replace=True)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "left", "films"),
    [
        ("fill.read_rows", "_restoring_", 0),
        ("fill.ensure_schema", "_restoring_", 0),
        ("restore.take_name", "_restoring_", 0),
        ("successor._drop", "_replaced_", 20),
    ],
    ids=["while tables are made", "when rows are loaded", "before the names change", "after the names changed"],
)
def test_a_killed_restore_leaves_one_complete_warehouse(
    server: Server, saved: Path, loaded_database: str, copy: Warehouse, place: str, left: str, films: int
) -> None:
    execute(copy.url, "truncate dim_movie cascade")
    former, whole = everything(copy.url), everything(server.url.set(database=loaded_database))
    before = database_names(server.url)
    arguments = [as_text(copy.url, copy.url.drivername), as_text(server.storage_url, server.storage_url.drivername)]
    process = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments, str(saved), place], capture_output=True, text=True, check=False
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    (other,) = database_names(server.url) - before
    assert other.startswith(f"{copy.url.database}{left}")
    assert everything(copy.url) == (whole if films else former)
    assert Tables(copy).value("select count(*) from dim_movie") == films
    copy.close()

    assert restore(on(server, copy.url), saved, replace=True).counts == COUNTS
    assert database_names(server.url) == before
    assert everything(copy.url) == whole
