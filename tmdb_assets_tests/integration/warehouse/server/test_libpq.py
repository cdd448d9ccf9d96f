"""The variables of libpq: none reaches the embedded server, and WAREHOUSE_URL outranks them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.libpq import libpq_environment, set_variables
from tmdb_assets.warehouse.server.open import open_server, reading_url
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets_tests.stage.postgres import as_text, database_names, needs_embedded, settings, using

pytestmark = needs_embedded

# Each would break or redirect a connection that heeds it.
HOSTILE = {
    "PGHOST": "127.0.0.1",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGPASSWORD": "wr0ng",
    "PGDATABASE": "nothing",
    "PGDATA": "/nowhere",
    "PGSERVICE": "elsewhere",
    "PGSYSCONFDIR": "/nowhere",
    "PGOPTIONS": "-c search_path=nowhere -c default_transaction_read_only=on",
    "PGDATESTYLE": "German, DMY",
    "PGTZ": "Asia/Kolkata",
    "PGGEQO": "nonsense",
    "PGCLIENTENCODING": "nonsense",
    "PGCONNECT_TIMEOUT": "abc",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "nonsense",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "system",
    "PGSSLNEGOTIATION": "nonsense",
    "PGMINPROTOCOLVERSION": "nonsense",
    "PGLOADBALANCEHOSTS": "nonsense",
}
CONNECTIONS = """
import json, subprocess, psycopg2
from tmdb_assets.warehouse.server.libpq import libpq_environment
from tmdb_assets.warehouse.warehouse import Warehouse
query = "select current_database(), current_setting('timezone'), current_setting('datestyle')"
with psycopg2.connect(server.storage_url.set(drivername="postgresql").render_as_string(False)) as connection:
    cursor = connection.cursor()
    cursor.execute(query)
    storage = cursor.fetchone()
warehouse = Warehouse(settings=Settings.load(tmdb_token=None, warehouse_url=None), url=server.url)
with warehouse.begin() as connection:
    found = [*connection.exec_driver_sql(query).one()]
    found += connection.exec_driver_sql("select reset_val from pg_settings where name = 'DateStyle'").one()
# Under our name: the server is not kept running for other programs, whose sessions end a moment after them.
environment = libpq_environment(server.url) | {"PGAPPNAME": "tmdb-assets test"}
psql = subprocess.run([server.bin_dir / "psql", "-XAtc", query], env=environment, capture_output=True, text=True)
dump = subprocess.run([server.bin_dir / "pg_dump", "--schema-only"], env=environment, capture_output=True, text=True)
plain = subprocess.run([sys.executable, "-c", "import os; print(*[name for name in os.environ if name[:2] == 'PG'])"],
    capture_output=True, text=True)
print(json.dumps([storage, found, psql.stdout + psql.stderr, dump.returncode, dump.stderr, plain.stdout]), flush=True)
"""


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Take back what opening a server changes in the environment of this process."""
    before = {**os.environ}
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A caller's environment in which every variable of libpq leads elsewhere, with the files that they name."""
    home = tmp_path / "home"
    home.mkdir()
    service = "host=127.0.0.1\nhostaddr=127.0.0.1\nport=1\nuser=nobody\ndbname=nothing\n"
    (home / ".pg_service.conf").write_text(f"[elsewhere]\n{service}")
    (home / ".pgpass").write_text("*:*:*:*:wr0ng\n")  # readable by everybody: libpq prints a warning
    (home / ".pgpass").chmod(0o644)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name, value in {**HOSTILE, "HOME": str(home), "TMDB_LANGUAGE": "fr"}.items():
        monkeypatch.setenv(name, value)


def test_the_embedded_server_and_what_is_started_beside_it_heed_none(resting: Path, hostile: None, capfd) -> None:
    with using(resting, CONNECTIONS) as user:
        storage, found, psql, dump, warnings, names = json.loads(user.process.stdout.readline())
    assert storage == ["dagster_sandbox", "UTC", "ISO, MDY"]
    assert found == ["tmdb_sandbox", "UTC", "ISO, MDY", "ISO, MDY"]
    assert psql == "tmdb_sandbox|UTC|ISO, MDY\n"
    assert (dump, warnings) == (0, "")
    assert sorted(names.split()) == ["PGCLIENTENCODING", "PGDATESTYLE", "PGPASSFILE", "PGTZ"]
    assert capfd.readouterr().err == ""


def test_a_url_outranks_them_and_a_service_fills_what_it_leaves_open(
    embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = (str(embedded.url.query[name]) for name in ("host", "port"))
    services = tmp_path / "services"
    services.write_text(f"[shared]\nhostaddr=127.0.0.1\nport={port}\nuser=postgres\nsslmode=disable\n")
    for name, value in {"PGHOSTADDR": "127.0.0.1", "PGSERVICE": "shared", "PGSERVICEFILE": str(services)}.items():
        monkeypatch.setenv(name, value)
    url = f"postgresql:///films_of_anna?host={quote(host)}"
    server = open_server(settings(url, token="t"), data_dir=tmp_path)
    assert "films_of_anna" in database_names(embedded.url)
    assert describe(server.url) == f"{host}:{port}/films_of_anna"
    environment = libpq_environment(server.url)
    command = [server.bin_dir / "psql", "-XAtc", "select current_user, inet_server_addr() is null"]
    assert subprocess.check_output(command, env=environment, text=True) == "postgres|t\n"
    assert environment["PGSSLMODE"] == "disable"
    assert not {"PGSERVICE", "PGHOSTADDR"} & {*environment}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PGCONNECT_TIMEOUT", "abc", "abc"),
        ("PGSSLMODE", "nonsense", "invalid sslmode value"),
        ("PGTARGETSESSIONATTRS", "standby", "not in hot standby"),
        ("PGREQUIREAUTH", "scram-sha-256", "require"),
        ("PGCHANNELBINDING", "require", "channel binding"),
        ("PGOPTIONS", "-c nonsense=1", "nonsense"),
        ("PGGSSENCMODE", "require", "GSSAPI"),
    ],
)
def test_one_that_spoils_a_connection_to_a_url_is_named(
    embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(WarehouseUnavailableError) as caught:
        open_server(settings(as_text(embedded.url.set(database="postgres")), "t"), data_dir=tmp_path, patience_s=1)
    assert said in str(caught.value)
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_service_adds_its_own_values_and_one_that_is_not_defined_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[shared]\nport=77\n")
    for name in set_variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "nope")
    url = "postgresql://db.example/films"
    for _ in range(2):
        with pytest.raises(WarehouseUnavailableError) as caught:
            reading_url(settings(url, "t"))
        assert 'definition of service "nope" not found' in str(caught.value)
        assert ("\n" in str(caught.value), caught.value.problem.setting) == (False, "PGSERVICE")
    assert reading_url(settings(f"{url}?service=shared", "t"))  # the URL's outranks it
    monkeypatch.setenv("PGSERVICE", "shared")
    assert reading_url(settings(url, "t"))
    assert set_variables() == ["PGPORT", "PGSERVICEFILE"]


def test_the_server_and_postgres_programs_get_no_secret(resting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAREHOUSE_READER_PASSWORD", "GITHUB_TOKEN", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://hush-hush")
    with using(resting):
        server = psutil.Process(find_postmaster(resting).pid)
        environments = []
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a worker that ends meanwhile
                environments.append(process.environ())
    assert len(environments) > 3
    assert [one for one in environments if "http://hush-hush" in one.values()] == []
    given = libpq_environment(sa.make_url("postgresql://me:mine@db.example/films"))
    assert "http://hush-hush" not in given.values()
    assert given["PGPASSWORD"] == "mine"
