"""A store of daily id exports whose faults are scripted."""

import pytest

from tmdb_assets.tmdb.export.download import fetch_export
from tmdb_assets.tmdb.stats import FetchStats
from tmdb_assets_tests.cases.export_sample import DAY, EXPORT, NOW
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, reply


@pytest.fixture
def server():
    """The store; serves a valid export until a test scripts it."""
    with ScriptedServer("/p/exports", reply(body=EXPORT)) as server:
        yield server


@pytest.fixture
def stats():
    return FetchStats()


@pytest.fixture
def fetch(server, skipped, stats):
    def fetch(day=DAY, base_url=None, **options):
        options = {"now": NOW, "stats": stats, "clock": skipped.clock, "sleep": skipped.sleep, **options}
        return fetch_export(base_url or server.url, day, **options)

    return fetch
