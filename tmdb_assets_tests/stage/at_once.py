"""Work of other threads and processes at the same time, on the same warehouse."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.stage.command import PYTHON, start
from tmdb_assets_tests.stage.postgres import as_text
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
HOLDER = """
import sys
import sqlalchemy as sa
from tmdb_assets.warehouse.warehouse import Warehouse
with Warehouse(url=sa.make_url(sys.argv[1])).fetch_lock(print):
    print("held", flush=True)
    sys.stdin.read()
"""


def in_background(work: Callable[[], Any]) -> Future[Any]:
    """Start work in a thread that does not delay the end of the tests, even if it hangs."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run functions at once, each in its own thread; return their results or raise their errors."""
    ready = threading.Barrier(len(works), timeout=PATIENCE_S)

    def run(work: Callable[[], Any]) -> Any:
        ready.wait()
        return work()

    futures = [in_background(lambda work=work: run(work)) for work in works]
    return [future.result(timeout=PATIENCE_S) for future in futures]


def wait_until_blocked(warehouse: Warehouse) -> None:
    """Wait until a session of this database waits for a lock."""
    assert wait_until(lambda: rows_of(warehouse, BLOCKED) != [(0,)])


def wait_for_lock(warehouse: Warehouse, said: list[str]) -> Future[None]:
    """Take the fetch lock in a thread and release it, with its messages in `said`; return once it has to wait."""

    def fetch() -> None:
        with warehouse.fetch_lock(said.append):
            pass

    waiting = in_background(fetch)
    wait_until_blocked(warehouse)
    return waiting


@contextmanager
def lock_holder(warehouse: Warehouse) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds this warehouse's fetch lock; killed at the end."""
    url = as_text(warehouse.url, "postgresql+psycopg")
    with start(os.environ, url, program=(*PYTHON, "-c", HOLDER)) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()
