"""A warehouse with films, days of two months and values that are hard to write, and its export."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.export.export import Exported, export
from tmdb_assets.warehouse.reading import reading_engine
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server.urls import reader_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import load_day, make_star
from tmdb_assets_tests.oracle.compare import copied_warehouse

SETTINGS = Settings.load(warehouse_reader_password="a word that passes")
JUNE = dt.date(2026, 6, 30)
# What CSV could lose: separators, quotes, lines, an empty text against NULL, NULL in words; and numbers at their ends.
HARD = """
insert into dim_movie (
    movie_id, title, original_title, overview, homepage, imdb_id, budget_usd, is_adult, release_date, as_of_date
) values (
    9007199254740993, 'a,b;"c"' || chr(9) || '\\N', E'line\\nline\\r\\n"', '', 'NULL', 'nan', 9223372036854775807,
    true, '0001-01-01', '2026-07-01'
);
update fact_movie_daily set popularity = cast(0.1 as float8) + cast(0.2 as float8) where movie_id = 1;
insert into movie_history (
    movie_id, valid_from, valid_to, status, genre_ids, company_ids, country_codes, language_codes, confirmed_dates
) values
    (1, '2026-06-30', '2026-07-02', 'Planned', '{18, 35}', '{}', '{FR, IT}', '{}', '{2026-06-30, 2026-07-01}'),
    (1, '2026-07-02', null, 'Released', '{18}', '{9007199254740993}', '{FR}', '{fr}', '{2026-07-02}');
update fact_movie_daily set popularity = 1e-300, loaded_at = '2026-07-02 23:59:59.000001+00' where movie_id = 2
"""

Export = Callable[..., Exported]


@pytest.fixture(scope="package")
def star_name(server) -> Iterator[str]:
    """The name of the database, to be copied."""
    with copied_warehouse(server) as made:
        tables = make_star(made)
        load_day(made, JUNE, {1: (3.0, None, 0)})
        for statement in HARD.split(";\n"):
            tables.execute(statement)
        apply_roles(made.engine, SETTINGS, is_embedded=True)
        made.close()
        yield str(made.url.database)


@pytest.fixture
def star(server, star_name: str) -> Iterator[Warehouse]:
    """The test's own copy."""
    with copied_warehouse(server, star_name) as made:
        yield made


@pytest.fixture
def export_star(star: Warehouse) -> Iterator[Export]:
    """Exports it to a folder, as the reader."""
    engine = reading_engine(reader_url(star.url, SETTINGS), "export", poolclass=sa.NullPool)

    def run(folder: Path, **options: Any) -> Exported:
        return export(engine, folder, **{"is_sample": True, **options})

    yield run
    engine.dispose()


def content_of(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file but the lock: inode, which changes when it is replaced, and hash."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
