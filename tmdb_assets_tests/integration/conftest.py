"""An embedded Postgres apart from the session's, with a role whose password is a difficult one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets_tests.stage.postgres import PASSWORD, can_connect, connect, settings
from tmdb_assets_tests.stage.server_folder import make_server_folder
from tmdb_assets_tests.stage.waiting import wait_until


@pytest.fixture(scope="session")
def data_dir():
    # Every character here means something to a shell, a URL or a locale.
    return make_server_folder("tmdb-assets-embedded-") / "a \"$HOME\" 'é' `id` %41\\" / "postgres"


@pytest.fixture(scope="session")
def embedded(data_dir):
    """The server most tests share; stopped when the test process ends."""
    return open_server(settings(), data_dir=data_dir)


@pytest.fixture(scope="session")
def guest(embedded):
    """A role without rights and with a difficult password, which must give it also on the socket."""
    with connect(embedded.url) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'guest'").fetchone():
            literal = "'" + PASSWORD.replace("'", "''") + "'"
            connection.execute(f"create role guest login password {literal}")
        hba = Path(connection.execute("show hba_file").fetchone()[0])
        rules = hba.read_text()
        if "guest" not in rules:
            hba.write_text("local all guest scram-sha-256\n" + rules)
        connection.execute("select pg_reload_conf()")
    assert wait_until(lambda: not can_connect(embedded.url.set(username="guest", password="wrong")))
    return embedded.url.set(username="guest", password=PASSWORD)
