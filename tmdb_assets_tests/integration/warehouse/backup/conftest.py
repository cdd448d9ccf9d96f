"""A warehouse with a day in it, its backup, and copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.dump import back_up
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import CATALOGUE, COUNTS, DAY, on
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import loaded_database_of


@pytest.fixture(scope="module")
def loaded_database(server: Server) -> Iterator[str]:
    with loaded_database_of(server, CATALOGUE, DAY) as name:
        yield name


@pytest.fixture(scope="module")
def saved(server: Server, loaded_database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of that day."""
    file = tmp_path_factory.mktemp("backup") / "warehouse.dump"
    assert back_up(on(server, loaded_database), file) == COUNTS
    return file


@pytest.fixture
def copy(server: Server, loaded_database: str) -> Iterator[Warehouse]:
    """The test's own copy of that warehouse, without connections."""
    with copied_warehouse(server, loaded_database) as made:
        yield made
