"""Every row of the views on drawn stars, against plain Python: ties, gaps, removed films, two roles of one person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tmdb_assets.warehouse.schema.ddl import apply_view, view_names
from tmdb_assets_tests.cases.drawn_star import draw_star
from tmdb_assets_tests.cases.small_star import load_day
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.oracle.views import VIEWS
from tmdb_assets_tests.stage.postgres import connect

SEEDS = (1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_view_shows_what_plain_python_computes(warehouse, database, seed):
    star, tables = draw_star(seed), Tables(warehouse)
    with connect(database) as connection:
        for into, rows in star.inserts().items():
            places = ", ".join(["%s"] * len(rows[0]))
            with connection.cursor() as cursor:
                cursor.executemany(f"insert into {into} values ({places})", rows)
    for day, facts in star.facts.items():
        load_day(warehouse, day, facts)
    with warehouse.begin() as connection:
        for view in view_names():
            apply_view(connection, view)
    for name, expected in VIEWS.items():
        rows = tables.rows(f"select {', '.join(_columns(tables, name))} from {name}")
        assert _sorted(rows) == _sorted(expected(star)), name
        assert len(rows) > 3, name


def _columns(tables, name):
    query = "select attname from pg_attribute where attrelid = cast(:name as regclass) and attnum > 0 order by attnum"
    return [column for column in tables.column(query, name=name) if column != "loaded_at"]


def _sorted(rows):
    return sorted((tuple(map(_rounded, row)) for row in rows), key=repr)


def _rounded(value):
    """To ten digits: sums of doubles differ in the last ones."""
    return float(f"{value:.10g}") if isinstance(value, float | Decimal) else value
