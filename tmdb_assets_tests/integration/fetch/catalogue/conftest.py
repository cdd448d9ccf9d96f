"""The graph over a catalogue of many small slices, with TMDB_PAGES=all."""

from __future__ import annotations

import pytest

from tmdb_assets.fetch import catalogue
from tmdb_assets.tmdb import slices
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets_tests.fakes.sliced_catalogue import MOST_PAGES, Discover
from tmdb_assets_tests.stage.platform import platform


@pytest.fixture
def discover(monkeypatch):
    monkeypatch.setattr(catalogue, "PAGES_A_BATCH", 5)
    monkeypatch.setattr(slices, "MAX_PAGES", MOST_PAGES)
    monkeypatch.setattr(slices, "_MAX_FILMS", 20 * MOST_PAGES)
    monkeypatch.setattr(slices, "_WANTED_FILMS", 16 * MOST_PAGES)
    return Discover()


@pytest.fixture
def graph(warehouse, monkeypatch, discover):
    """Its client retries briefly, and has few workers, as it reads two requests per worker ahead."""
    with platform(warehouse, discover.catalogue, monkeypatch, tmdb_pages="all") as made:
        made.replay.faults = discover
        made.source.client = TmdbClient(made.replay.url, made.replay.token, rate_limit=0, workers=4, retry_seconds=0.3)
        yield made
