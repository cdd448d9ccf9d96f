"""`sslmode` and certificates in `WAREHOUSE_URL`, against a Postgres that only takes TLS."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.stage.command import command_environment, refusals, run
from tmdb_assets_tests.stage.postgres import as_text
from tmdb_assets_tests.stage.tls_postgres import PASSWORD, needs_tls, tls_postgres

pytestmark = needs_tls
IN_TLS = sa.text("select ssl and version like 'TLS%' from pg_stat_ssl where pid = pg_backend_pid()")


@pytest.fixture(scope="module")
def tls():
    with tls_postgres() as made:
        yield made


def given(tls, **options):
    """The settings of a warehouse there, with a token."""
    return Settings.load(tmdb_token="t", warehouse_url=as_text(tls.url(**options)))


def verified(tls):
    return {"sslmode": "verify-full", "sslrootcert": tls.file("ca.pem")}


def certified(tls):
    return {"user": "tmdb_loader", **verified(tls), "sslcert": tls.file("client.pem"), "sslkey": tls.file("client.key")}


@pytest.mark.parametrize("login", [verified, certified], ids=["by password", "by certificate"])
def test_warehouse_and_storage_are_reached_by_verified_tls(tls, login, tmp_path):
    settings = given(tls, **login(tls))
    server = open_server(settings, data_dir=tmp_path)
    for url in (server.url, server.storage_url):
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            assert connection.scalar(IN_TLS) is True
    if login is certified:
        warehouse = Warehouse(url=server.url, settings=settings)
        with warehouse.begin() as connection:
            assert connection.scalar(IN_TLS) is True
            assert connection.scalar(sa.text("select current_user::text")) == "tmdb_loader"
        warehouse.close()


REFUSED = {
    "no TLS": ({"sslmode": "disable"}, "no encryption"),
    "another authority": ({"sslmode": "verify-full", "sslrootcert": "other.pem"}, "certificate verify failed"),
    "another host": (
        {"sslmode": "verify-full", "sslrootcert": "ca.pem", "host": "127.0.0.1"},
        "does not match host name",
    ),
    "no authority's file": ({"sslmode": "verify-full", "sslrootcert": "gone.pem"}, "does not exist"),
    "no client certificate": ({"user": "tmdb_loader", "sslmode": "require"}, "certificate"),
    "no such mode": ({"sslmode": "always"}, "sslmode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tls_refuses_is_named_in_one_line_without_the_password(tls, case, tmp_path):
    options, reason = REFUSED[case]
    options = {name: tls.file(value) if name == "sslrootcert" else value for name, value in options.items()}
    with pytest.raises(WarehouseUnavailableError) as raised:
        open_server(given(tls, **options), data_dir=tmp_path, patience_s=1)
    line = str(raised.value)
    assert reason in line
    assert "\n" not in line
    assert PASSWORD not in line
    assert raised.value.problem.action


def test_the_programs_of_postgres_reach_it_too(tls, tmp_path):
    class Api:
        token, url = "t", "http://127.0.0.1:9/3"

    environment = command_environment(tls.url(**certified(tls)), Api())
    asked = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    done = run(environment, "psql", "-Atc", asked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "t\n", "")
    saved, restored = refusals(
        {"backup": ("backup", str(tmp_path / "dump")), "restore": ("restore", "--replace", str(tmp_path / "dump"))},
        environment,
    ).values()
    assert (saved.returncode, saved.stderr) == (0, "")
    assert (restored.returncode, restored.stderr) == (0, "")
