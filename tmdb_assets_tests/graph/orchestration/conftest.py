"""What the tests of gaps and cancelled days share."""

from __future__ import annotations

import pytest

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.schema.dimensions import dim_date
from tmdb_assets_tests.cases.sound_rows import load_rows
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.memory_instance import memory_instance


@pytest.fixture
def days(warehouse):
    """An empty warehouse with a calendar, in which days can be marked as loaded."""
    load_rows(warehouse, dim_date, calendar_rows(2025, 2026))
    made = Tables(warehouse)
    with memory_instance() as made.instance:
        yield made
