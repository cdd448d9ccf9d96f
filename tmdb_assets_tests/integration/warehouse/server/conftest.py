"""A complete cluster, stopped, for the tests that start and kill it."""

from __future__ import annotations

import pytest

from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets_tests.stage.postgres import using
from tmdb_assets_tests.stage.server_folder import make_server_folder


@pytest.fixture(scope="package")
def made_cluster():
    folder = make_server_folder("tmdb-assets-resting-") / "postgres"
    with using(folder):
        pass
    return folder


@pytest.fixture
def resting(made_cluster):
    """The folder of a complete, stopped cluster, shared by all tests, which leave it stopped."""
    assert find_postmaster(made_cluster) is None
    return made_cluster
