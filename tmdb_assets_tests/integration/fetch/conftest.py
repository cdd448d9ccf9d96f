"""A warehouse whose first day of the edited films is loaded, once for all tests."""

from __future__ import annotations

import pytest

from tmdb_assets_tests.cases.edited_films import CATALOGUE, DAY, MOVIE_CHAIN, load
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import platform


@pytest.fixture(scope="session")
def first_day(server):
    """The name of a database in which MOVIE_CHAIN of the first day is loaded, for copies."""
    with copied_warehouse(server) as warehouse:
        with pytest.MonkeyPatch.context() as monkeypatch, platform(warehouse, CATALOGUE, monkeypatch) as made:
            load(made, DAY, CATALOGUE, {}, only=MOVIE_CHAIN)
        warehouse.close()
        yield str(warehouse.url.database)


@pytest.fixture
def known(server, first_day):
    """A warehouse in which the films of the first day are known, with their details."""
    with copied_warehouse(server, first_day) as made:
        yield made
