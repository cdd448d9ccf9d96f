"""A store of daily id exports whose faults are scripted, over real loopback HTTP."""

import pytest

from tmdb_assets.tmdb.export.download import fetch_export
from tmdb_assets_tests.cases.export_sample import DAY, EXPORT, NOW
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, SkippedTime, forget_proxies, reply


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    forget_proxies(monkeypatch)


@pytest.fixture
def server():
    """Stands for the store; has a sound export until a test scripts it."""
    with ScriptedServer("/p/exports", reply(body=EXPORT)) as server:
        yield server


@pytest.fixture
def skipped():
    return SkippedTime()


@pytest.fixture
def fetch(server, skipped):
    def fetch(day=DAY, base_url=None, **options):
        options = {"now": NOW, "clock": skipped.clock, "sleep": skipped.sleep, **options}
        return fetch_export(base_url or server.url, day, **options)

    return fetch
