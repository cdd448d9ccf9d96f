"""A PgBouncer in transaction mode in front of the tests' Postgres."""

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
def transaction_pooler(
    server: sa.URL, *, pool_size: int = 6, databases: Sequence[str] = ("*",), users: Sequence[str] = ()
) -> Iterator[sa.URL]:
    """The URL of a server through a PgBouncer that lends a client a connection for one transaction.

    It has `pool_size` connections to each database, and PgBouncer's defaults otherwise. `server` has a socket folder
    as the embedded one has. `databases` are those that the pooler serves; `*` is every one. `users` may log in besides
    the server's own; none needs a password.
    """
    folder = Path(tempfile.mkdtemp(prefix="tmdb-assets-pooler-"))
    port = free_port()
    entries = "\n".join(f"{name} = host={server.query['host']} port={server.query['port']}" for name in databases)
    values = {"entries": entries, "listen_port": port, "folder": folder, "pool_size": pool_size}
    (folder / "ini").write_text(CONFIGURATION.format(**values))
    (folder / "users").write_text("".join(f'"{user}" ""\n' for user in (server.username, *users)))
    folder.chmod(0o777)
    # It refuses to run as root and needs access to the server's folder: it runs as Postgres's user.
    user = Path(str(server.query["host"])).stat().st_uid if os.geteuid() == 0 else None
    command = [str(PROGRAM), "--quiet", str(folder / "ini")]
    url = sa.URL.create(server.drivername, server.username, host="127.0.0.1", port=port, database=server.database)
    process = subprocess.Popen(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: listens(port)), (folder / "log").read_text()
        yield url
    finally:
        process.terminate()  # at once, even with clients connected
        process.wait()
        shutil.rmtree(folder)
