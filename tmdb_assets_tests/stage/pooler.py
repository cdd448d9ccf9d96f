"""A PgBouncer in transaction mode before the tests' Postgres."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tmdb_assets_tests.stage.ports import free_port, listens
from tmdb_assets_tests.stage.waiting import wait_until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
CONFIGURATION = """
[databases]
{entries}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {pool_size}
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def transaction_pooler(server: sa.URL, *, pool_size: int = 6, databases: Sequence[str] = ("*",)) -> Iterator[sa.URL]:
    """The address of a server by way of a PgBouncer that gives a client a connection for one transaction at a time.

    It has `pool_size` connections to each database, all else is PgBouncer's default. `server` is reached by a socket's
    folder, as the embedded one is. `databases` are those that the pooler knows; `*` is every one.
    """
    folder = Path(tempfile.mkdtemp(prefix="tmdb-assets-pooler-"))
    port = free_port()
    entries = "\n".join(f"{name} = host={server.query['host']} port={server.query['port']}" for name in databases)
    values = {"entries": entries, "listen_port": port, "folder": folder, "pool_size": pool_size}
    (folder / "ini").write_text(CONFIGURATION.format(**values))
    (folder / "users").write_text(f'"{server.username}" ""\n')
    folder.chmod(0o777)
    # It refuses root, and must be let into the server's folder: it runs as Postgres does.
    user = Path(str(server.query["host"])).stat().st_uid if os.geteuid() == 0 else None
    command = [str(PROGRAM), "--quiet", str(folder / "ini")]
    url = sa.URL.create(server.drivername, server.username, host="127.0.0.1", port=port, database=server.database)
    process = subprocess.Popen(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: listens(port)), (folder / "log").read_text()
        yield url
    finally:
        process.terminate()  # at once, whoever is connected
        process.wait()
        shutil.rmtree(folder)
