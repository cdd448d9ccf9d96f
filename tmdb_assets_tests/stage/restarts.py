"""A test's own Postgres, which it may restart while others use it."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tmdb_assets.warehouse.server.data_folder import run_pg_ctl
from tmdb_assets.warehouse.server.embedded import EmbeddedPostgres
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.server_folder import make_server_folder


class OwnServer:
    """A server, and the URL of a warehouse on it."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres")
        running = self.postgres.start()
        query = {"host": str(running.socket_dir), "port": str(running.port)}
        self.url = sa.URL.create("postgresql+psycopg", username="postgres", database="films", query=query)

    def restart(self, mode: str) -> None:
        """Restart it; `mode` is `fast`, or `immediate` as after a crash."""
        log = str(self.postgres.data_dir / "log")
        run_pg_ctl(self.postgres.data_dir, "restart", "-w", "-m", mode, "-l", log)

    def listen(self, password: str) -> int:
        """Restart it with TCP and a password; return the port, which is the socket's too."""
        with sa.create_engine(self.url.set(database="postgres")).begin() as connection:
            connection.exec_driver_sql(f"alter role postgres password '{password}'")
        rules = self.postgres.data_dir / "pg_hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        port = free_port()
        folder = str(self.url.query["host"])
        options = shlex.join(["-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "timezone=UTC"])
        log = str(self.postgres.data_dir / "log")
        run_pg_ctl(self.postgres.data_dir, "restart", "-w", "-m", "fast", "-l", log, "-o", options)
        self.url = self.url.update_query_dict({"port": str(port)})
        return port


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server that is stopped and deleted with the context."""
    folder = make_server_folder("tmdb-assets-outage-")
    made = OwnServer(folder)
    try:
        yield made
    finally:
        made.postgres.leave()
        shutil.rmtree(folder)
