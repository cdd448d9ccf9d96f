"""The graph over a look-alike catalogue of many small slices, told to load the whole of it."""

from __future__ import annotations

import pytest

from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.fetch import catalogue
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb import slices
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.sandbox import routes
from tmdb_assets_tests.cases.sandbox_sample import make_sandbox, write_sample
from tmdb_assets_tests.fakes.sliced_catalogue import FILMS, MOST_PAGES, Discover
from tmdb_assets_tests.stage.platform import Graph


@pytest.fixture
def discover(monkeypatch):
    made = Discover()
    monkeypatch.setitem(routes.ROUTES, "/3/discover/movie()", made)
    monkeypatch.setattr(catalogue, "PAGES_A_BATCH", 5)
    monkeypatch.setattr(slices, "MAX_PAGES", MOST_PAGES)
    monkeypatch.setattr(slices, "_MAX_FILMS", 20 * MOST_PAGES)
    monkeypatch.setattr(slices, "_WANTED_FILMS", 16 * MOST_PAGES)
    return made


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), FILMS)


@pytest.fixture
def graph(warehouse, monkeypatch, discover, sample):
    """The graph over the look-alike, told to load the whole catalogue; its client gives up soon."""
    with make_sandbox(sample) as sandbox:
        url = sandbox.start()
        given = {"tmdb_token": sandbox.token, "tmdb_api_url": url, "tmdb_export_url": sandbox.export_url}
        source = TmdbSource(Settings.load(**given, tmdb_pages="all", tmdb_rate_limit=0))
        # Few workers: the client asks two requests for each ahead, and the catalogue is small.
        source.client = TmdbClient(url, sandbox.token, rate_limit=0, workers=4, retry_seconds=0.3)
        made = Graph(warehouse, source, monkeypatch)
        yield made
        made.close()
