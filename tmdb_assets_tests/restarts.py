"""A Postgres of a test's own, which it may stop and start again while others use it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tmdb_assets.warehouse.cluster import run_pg_ctl
from tmdb_assets.warehouse.embedded import EmbeddedPostgres


class OwnServer:
    """A server, and the address of a warehouse on it."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres")
        running = self.postgres.start()
        query = {"host": str(running.socket_dir), "port": str(running.port)}
        self.url = sa.URL.create("postgresql+psycopg", username="postgres", database="films", query=query)

    def restart(self, mode: str) -> None:
        """Stop it, `fast` or `immediate` as a crash does, and start it again."""
        log = str(self.postgres.data_dir / "log")
        run_pg_ctl(self.postgres.data_dir, "restart", "-w", "-m", mode, "-l", log)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server that ends with the context, and its data with it."""
    # Not pytest's own folder: a second session takes its permissions away from the user whom Postgres runs as.
    folder = Path(tempfile.mkdtemp(prefix="tmdb-assets-outage-"))
    made = OwnServer(folder)
    try:
        yield made
    finally:
        made.postgres.leave()
        shutil.rmtree(folder)
