"""What the tests share: one embedded Postgres, an empty database for each test, and a platform over a replay server."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

# The developer's own environment must not reach the tests; settings are read once, at the first import of the assets.
for variable in [name for name in os.environ if name.startswith("TMDB_")]:
    del os.environ[variable]
for variable in ("WAREHOUSE_URL", "DAGSTER_HOME"):
    os.environ.pop(variable, None)

from tmdb_assets.settings import Settings  # noqa: E402

Settings.model_config["env_file"] = None

from tmdb_assets.warehouse.resource import Warehouse  # noqa: E402
from tmdb_assets.warehouse.server import Server, open_server  # noqa: E402
from tmdb_assets_tests.replay_catalogue import recordings_missing  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Server:
    """A real Postgres for the whole session."""
    # Not pytest's own folder: a second session takes its permissions away from the user whom Postgres runs as.
    folder = Path(tempfile.mkdtemp(prefix="tmdb-assets-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # before the server's own: that one runs first
    return open_server(Settings.load(), data_dir=folder / "postgres")


@pytest.fixture
def database(server: Server) -> sa.URL:
    """An empty database of the test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    yield server.url.set(database=name)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")


@pytest.fixture
def warehouse(database: sa.URL) -> Warehouse:
    """A warehouse with the declared schema in a database of the test's own."""
    made = Warehouse(url=database)
    yield made
    made.close()


@pytest.fixture
def recordings() -> None:
    """Skip a test that needs the recorded answers where they are not at hand."""
    reason = recordings_missing()
    if reason:
        pytest.skip(reason)
