"""Servers on loopback whose faults are scripted, and clients of them."""

import pytest

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets_tests.cases.client_sample import TOKEN
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, SkippedTime, forget_proxies, reply


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    forget_proxies(monkeypatch)


@pytest.fixture
def server():
    """The API; answers every request with a film until a test scripts it."""
    with ScriptedServer("/3", reply()) as server:
        yield server


@pytest.fixture
def skipped():
    return SkippedTime()


@pytest.fixture
def connect(server, skipped):
    clients = []

    def connect(base_url=None, token=TOKEN, **options):
        options = {"rate_limit": 0, "workers": 8, "clock": skipped.clock, "sleep": skipped.sleep, **options}
        clients.append(TmdbClient(base_url or server.url, token, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
