"""What the tests share: one embedded Postgres, an empty database for each test, and a platform over a replay server."""

from __future__ import annotations

import atexit
import datetime as dt
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import settings

# A server of another release to test against, by a role that may do everything: postgresql://user@host:5432/postgres.
# Tests that start, stop or restart Postgres keep to embedded ones of their own.
TEST_SERVER = os.environ.pop("TMDB_TEST_POSTGRES_URL", None)

# The developer's own environment must not reach the tests; settings are read once, at the first import of the assets.
for variable in [name for name in os.environ if name.startswith("TMDB_")]:
    del os.environ[variable]
for variable in ("WAREHOUSE_URL", "DAGSTER_HOME", "KUBERNETES_SERVICE_HOST"):
    os.environ.pop(variable, None)

# Bytecode is kept, whatever the environment says: else each worker and each command compiles everything again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nor must the pages of the tests' runs lie among the developer's.
os.environ["REPORTS_DIR"] = tempfile.mkdtemp(prefix="tmdb-assets-tests-reports-")
atexit.register(shutil.rmtree, os.environ["REPORTS_DIR"], ignore_errors=True)

# Property tests draw the same examples each time, so that a change is judged by them alone. `make test-long` takes
# `drawn`, with another seed each time, and says how to repeat it.
settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("drawn", derandomize=False, database=None, deadline=None, print_blob=True)
settings.load_profile("steady")

if TYPE_CHECKING:
    from tmdb_assets_tests.stage.platform import Platform

from tmdb_assets.settings import Settings  # noqa: E402

Settings.model_config["env_file"] = None

from tmdb_assets.warehouse.server.open import Server, open_server  # noqa: E402
from tmdb_assets.warehouse.warehouse import Warehouse  # noqa: E402
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue, recordings_missing  # noqa: E402
from tmdb_assets_tests.oracle.compare import (  # noqa: E402
    SCHEMA_TEMPLATE,
    admin_engine,
    copied_warehouse,
    fresh_database,
    run_as_admin,
    schema_template,
)
from tmdb_assets_tests.stage.server_folder import make_server_folder  # noqa: E402

UNSAFE = ("fsync", "synchronous_commit", "full_page_writes")  # what only a crash of the machine would miss


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which need not be there
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a good third of the time is waiting for processes, sockets and the disk."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives as long as the process: a seventh of the time of a run in process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _with_host_in_query(text: str | None) -> str | None:
    """The address in the form of the embedded server's, host and port in its query, so that tests find them there."""
    if text is None:
        return None
    url = sa.make_url(text)
    query = {"host": url.host or "127.0.0.1", "port": str(url.port or 5432)}
    return url._replace(host=None, port=None, query=query).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real Postgres for the whole session: the embedded one, or that of `TMDB_TEST_POSTGRES_URL`."""
    folder = make_server_folder("tmdb-assets-tests-")
    made = open_server(Settings.load(warehouse_url=_with_host_in_query(TEST_SERVER)), data_dir=folder / "postgres")
    if made.is_embedded:  # its data end with the tests; those that stop and kill a server have their own
        run_as_admin(made, *(f"alter system set {name} = off" for name in UNSAFE), "select pg_reload_conf()")
    yield made
    run_as_admin(made, f"drop database if exists {SCHEMA_TEMPLATE} with (force)")
    admin_engine(made).dispose()


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> Iterator[sa.URL]:
    """A database of the test's own: with the declared schema where the test asks for `warehouse` too, else empty."""
    has_schema = "warehouse" in request.fixturenames
    with fresh_database(server, schema_template(server) if has_schema else "template1") as url:
        yield url


@pytest.fixture
def warehouse(database: sa.URL) -> Iterator[Warehouse]:
    """A warehouse with the declared schema in a database of the test's own."""
    made = Warehouse(url=database)
    yield made
    made.close()


@pytest.fixture(scope="module")
def far_from_midnight() -> None:
    """Skip tests whose runs, begun by the real clock, would belong to two days."""
    if dt.datetime.now(dt.UTC).time() > dt.time(23, 55):
        pytest.skip("midnight UTC is near: the runs of one test would belong to two days")


@pytest.fixture(scope="session")
def loaded_databases(server: Server) -> Iterator[Callable[[Catalogue, dt.date], str]]:
    """Names of databases in which one day of a catalogue is loaded, each made once for this process, for copies."""
    from tmdb_assets_tests.stage.platform import loaded_database_of  # and Dagster, which unit tests do without

    made: dict[tuple[str, dt.date], str] = {}
    with ExitStack() as stack:

        def name_of(catalogue: Catalogue, day: dt.date) -> str:
            key = repr(vars(catalogue)), day
            if key not in made:
                made[key] = stack.enter_context(loaded_database_of(server, catalogue, day))
            return made[key]

        yield name_of


@pytest.fixture(scope="module")
def loaded_database(request: pytest.FixtureRequest, loaded_databases: Callable[[Catalogue, dt.date], str]) -> str:
    """The name of a database in which the file's DAY of its CATALOGUE is loaded, for copies."""
    return loaded_databases(request.module.CATALOGUE, request.module.DAY)


@pytest.fixture
def loaded(
    request: pytest.FixtureRequest, server: Server, loaded_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """The platform on a copy of `loaded_database`; nothing was requested yet."""
    from tmdb_assets_tests.stage.platform import platform

    with (
        copied_warehouse(server, loaded_database) as made,
        platform(made, request.module.CATALOGUE, monkeypatch) as ready,
    ):
        yield ready


@pytest.fixture
def recordings() -> None:
    """Skip a test that needs the recorded answers where they are not at hand."""
    reason = recordings_missing()
    if reason:
        pytest.skip(reason)
