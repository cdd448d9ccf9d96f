"""One embedded Postgres for all of these tests, and a whole cluster at rest for those that start and kill it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets_tests.stage.postgres import PASSWORD, can_connect, connect, settings, using
from tmdb_assets_tests.stage.waiting import wait_until


@pytest.fixture(scope="package")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("warehouse") / "not yet there" / "postgres"  # a blank in the path on purpose


@pytest.fixture(scope="package")
def embedded(data_dir):
    """The server most tests share; stopped when the test process ends."""
    return open_server(settings(), data_dir=data_dir)


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def made_cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resting") / "postgres"
    with using(folder):
        pass
    return folder


@pytest.fixture
def resting(made_cluster):
    """The folder of a whole cluster that no process uses, the same for all tests that leave it so."""
    assert find_postmaster(made_cluster) is None
    return made_cluster
