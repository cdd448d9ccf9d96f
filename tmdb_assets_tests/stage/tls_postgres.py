"""A Postgres that only takes TLS, with certificates made for the test: the machine's, as the bundled one has no TLS."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.server_folder import make_server_folder
from tmdb_assets_tests.stage.waiting import wait_until

PASSWORD = "tls-hush-hush"
RULES = """
hostssl all tmdb_loader 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""


def find_server_programs() -> Path | None:
    """The folder of the newest Postgres of this machine."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


needs_tls = pytest.mark.skipif(
    find_server_programs() is None or shutil.which("openssl") is None,
    reason="needs openssl and a Postgres server of the system (Debian: postgresql), as the bundled one has no TLS",
)


@dataclass(frozen=True)
class TlsPostgres:
    """A running server and its certificates: of the authority, of another one, and of the client `tmdb_loader`."""

    port: int
    folder: Path

    def url(self, user: str = "admin", host: str = "localhost", **query: str) -> sa.URL:
        """An address; `admin` has a password, `tmdb_loader` a certificate."""
        password = PASSWORD if user == "admin" else None
        return sa.URL.create("postgresql", user, password, host, self.port, f"of_{user}", query)

    def file(self, name: str) -> str:
        """The path of a certificate or key."""
        return str(self.folder / name)


def _certify(folder: Path, name: str, subject: str, *, by: str | None = None, host: str | None = None) -> None:
    """Make a key and a certificate for it: signed by itself, or by another one."""
    key, made = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={subject}"]
    command += ["-keyout", key, "-out", made]
    command += ["-CA", folder / f"{by}.pem", "-CAkey", folder / f"{by}.key"] if by else []
    command += ["-addext", f"subjectAltName=DNS:{host}"] if host else []
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)


def _make_cluster(folder: Path, programs: Path) -> str | None:
    """Make certificates and a data folder; return the user as whom Postgres has to run, None for this one."""
    for name, subject, by, host in (
        ("ca", "authority", None, None),
        ("other", "other authority", None, None),
        ("server", "localhost", "ca", "localhost"),
        ("client", "tmdb_loader", "ca", None),
    ):
        _certify(folder, name, subject, by=by, host=host)
    (folder / "password").write_text(PASSWORD)
    (folder / "data").mkdir(mode=0o700)
    user = "nobody" if os.geteuid() == 0 else None  # as root, Postgres does not run
    if user is not None:
        account = pwd.getpwnam(user)
        folder.chmod(0o711)
        for name in ("server.key", "server.pem", "ca.pem", "password", "data"):
            os.chown(folder / name, account.pw_uid, account.pw_gid)
    login = ["--username", "admin", "--pwfile", folder / "password", "--auth", "scram-sha-256"]
    command = [programs / "initdb", "-D", folder / "data", *login, "--encoding", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, user=user, cwd="/")
    (folder / "data" / "pg_hba.conf").write_text(RULES)
    return user


@contextmanager
def tls_postgres() -> Iterator[TlsPostgres]:
    """The server, until the context ends."""
    programs = find_server_programs()
    assert programs is not None
    made = TlsPostgres(free_port(), folder := make_server_folder("tmdb-assets-tls-"))
    user = _make_cluster(folder, programs)
    options = {"listen_addresses": "127.0.0.1", "port": made.port, "unix_socket_directories": "", "fsync": "off"}
    options |= {"ssl": "on", "ssl_ca_file": folder / "ca.pem"}
    options |= {"ssl_cert_file": folder / "server.pem", "ssl_key_file": folder / "server.key"}
    given = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        command = [programs / "postgres", "-D", folder / "data", *given]
        server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd="/")
    try:
        address = made.url(sslmode="require").set(database="postgres").render_as_string(hide_password=False)
        assert wait_until(lambda: _answers(address)), (folder / "log").read_text()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("create role tmdb_loader login createdb")
        yield made
    finally:
        server.send_signal(signal.SIGINT)  # which ends sessions too
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True
