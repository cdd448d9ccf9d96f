"""The contents of a warehouse, for comparing it before and after, and the one that the tests save."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.backup.dump import Counts
from tmdb_assets.warehouse.backup.programs import BackupError
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.integration.warehouse.schema.test_upgrade import catalogue_of
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.postgres import connect

DAY = dt.date(2026, 7, 29)
NEXT_DAY = dt.date(2026, 7, 30)
CATALOGUE = catalogue(sound_films(20))
COUNTS = Counts(films=20, days=1, facts=20)
MORE = {
    "relations": """
    select c.relname, c.relkind, pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid),
        case c.relkind when 'v' then pg_get_viewdef(c.oid) end, coalesce(col_description(c.oid, a.attnum), a.attname),
        (select string_agg(pg_get_indexdef(i.indexrelid), '; ' order by i.indexrelid::regclass::text)
            from pg_index as i where i.indrelid = c.oid),
        (select string_agg(conname || pg_get_constraintdef(k.oid), '; ' order by conname)
            from pg_constraint as k where k.conrelid = c.oid)
    from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
    """,
}


def on(server: Server, database: str | sa.URL) -> Server:
    """The server, with that database as its warehouse."""
    url = database if isinstance(database, sa.URL) else server.url.set(database=database)
    return dataclasses.replace(server, url=url)


def everything(url: sa.URL) -> dict[str, Any]:
    """Every row of every table, without `applied_at`, and the database's catalogue."""
    warehouse = Warehouse(url=url)
    try:
        tables = Tables(warehouse)
        engine = sa.create_engine(url, poolclass=sa.NullPool)  # does not upgrade the schema
        tables.warehouse.__dict__["engine"] = engine
        there = set(tables.column("select relname from pg_class where relkind in ('r', 'p')"))
        names = [made.name for made in metadata.sorted_tables if made.name in there]
        rows = {
            name: tables.rows(f"select (to_jsonb(t) - 'applied_at')::text from {name} as t order by 1")
            for name in names
        }
        more = {name: sorted(tables.rows(query), key=repr) for name, query in MORE.items()}
        return {**rows, **catalogue_of(engine), **more}
    finally:
        warehouse.close()


def assert_one_line(error: pytest.ExceptionInfo[BackupError], *parts: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert part in text


def execute(url: sa.URL, *statements: str) -> None:
    with connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
