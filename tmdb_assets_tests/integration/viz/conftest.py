"""A warehouse with films and days, as the app's reader sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server.urls import reader_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import make_star
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse

SETTINGS = Settings.load(warehouse_reader_password="a word that passes")


@pytest.fixture(scope="module")
def star(server) -> Iterator[Warehouse]:
    """A warehouse with films, days and roles."""
    with copied_warehouse(server) as made:
        make_star(made)
        apply_roles(made.engine, SETTINGS, is_embedded=True)
        yield made


@pytest.fixture
def tables(star: Warehouse, monkeypatch) -> Tables:
    """The tables that the pages read."""
    from tmdb_assets.viz import navigation, reader  # imports Streamlit

    monkeypatch.setattr(navigation, "_PAGES", {})  # a page is shown alone, unless the test shows the app
    monkeypatch.setattr(reader, "reading_url", lambda: reader_url(star.url, SETTINGS))
    return Tables(star)
