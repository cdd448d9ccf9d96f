"""Queries of one day or one month read the one partition that holds it, and the loads write no other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.assets.views import VIEWS
from tmdb_assets.checks.latest_state import WRONG_COUNT, WRONG_FILMS, WRONG_OLDER_FILMS
from tmdb_assets.checks.star import LOST_FILMS
from tmdb_assets.warehouse.loading.latest_state import KEEP_LATEST, KEEP_LOAD_DAY
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_partition
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import load_day
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse

MONTHS = [dt.date(2026, month, 20) for month in (3, 4, 5, 6, 7)]
DAY = MONTHS[-1]
JULY, APRIL = "fact_movie_daily_2026_07", "fact_movie_daily_2026_04"
PLANNED = {
    "a day": ("select * from fact_movie_daily where date_id = '2026-04-20'", {APRIL}),
    "a film on a day": ("select * from fact_movie_daily where date_id = '2026-04-20' and movie_id = 1", {APRIL}),
    "a month": (
        "select movie_id, avg(popularity) from fact_movie_daily "
        "where date_id between '2026-04-01' and '2026-04-30' group by 1",
        {APRIL},
    ),
    "a month, half open": (
        "select count(*) from fact_movie_daily where date_id >= '2026-04-01' and date_id < '2026-05-01'",
        {APRIL},
    ),
    "the latest state": (KEEP_LATEST, {JULY}),
    "the day's entry": (KEEP_LOAD_DAY, {JULY}),
    "the check of the day's discover": (LOST_FILMS, {JULY}),
}
# Here the day is found by the query itself: the other partitions are planned and never opened.
RUN = {
    "the newest day": ("select * from fact_movie_daily where date_id = (select max(date_id) from load_day)", {JULY}),
    "the check of the newest day": (WRONG_FILMS, {JULY}),
    "the check of its number": (WRONG_COUNT, {JULY}),
    "the check of older films": (WRONG_OLDER_FILMS, {"fact_movie_daily_2026_06"}),
    "one day back": ("select popularity_1d_ago from vw_trending_movies", {JULY}),
    "the top": ("select * from vw_top_movies", set()),
    "the genres": ("select * from vw_genre_popularity", set()),
    "the status": ("select * from vw_load_status", set()),
}
VALUES = {"day": DAY, "shown": 10, "sampled": 10}


@pytest.fixture(scope="module")
def loaded(server: Any) -> Iterator[Tables]:
    with copied_warehouse(server) as warehouse:
        yield _filled(warehouse)


def _filled(warehouse: Warehouse) -> Tables:
    tables = Tables(warehouse)
    tables.execute("insert into dim_movie (movie_id, title, as_of_date) values (1, 'x', :day), (2, 'y', :day)", day=DAY)
    ensure_partition(warehouse.engine, raw_discover, DAY)  # the check looks for the facts of what is there
    for month in MONTHS:
        load_day(warehouse, month, {1: (1.0, 5.0, 1)} | ({} if month == DAY else {2: (1.0, 5.0, 1)}))
    with warehouse.begin() as connection:
        for view in VIEWS:
            apply_view(connection, view.name)
    return tables


def explain(tables: Tables, query: str, options: str) -> Any:
    values = {name: value for name, value in VALUES.items() if f":{name}" in query}
    with tables.warehouse.begin() as connection:
        (found,) = connection.execute(sa.text(f"explain ({options}, format json) {query}"), values).scalar_one()
        connection.rollback()
    return found["Plan"]


def scanned(plan: Mapping[str, Any]) -> set[str]:
    """The partitions that a plan reads; of one that was run, those it did read."""
    own = {plan.get("Relation Name", "")} if plan.get("Actual Loops", 1) else set()
    nested = [scanned(part) for part in plan.get("Plans", [])]
    return {name for name in own.union(*nested) if name.startswith("fact_movie_daily_")}


@pytest.mark.parametrize("what", PLANNED)
def test_a_query_of_one_day_or_month_reads_one_partition(what: str, loaded: Tables) -> None:
    query, partitions = PLANNED[what]
    assert scanned(explain(loaded, query, "costs off")) == partitions


@pytest.mark.parametrize("what", RUN)
def test_a_query_that_finds_its_day_opens_one_partition(what: str, loaded: Tables) -> None:
    query, partitions = RUN[what]
    assert scanned(explain(loaded, query, "analyze, timing off, costs off")) == partitions


def test_the_whole_history_reads_every_partition(loaded: Tables) -> None:
    """What the others would look like."""
    everything = scanned(explain(loaded, "select count(*) from fact_movie_daily", "costs off"))
    assert everything == {f"fact_movie_daily_{month:%Y_%m}" for month in MONTHS}


def test_the_indexes_are_those_that_the_queries_need(loaded: Tables) -> None:
    tables = ("fact_movie_daily", "movie_latest", "load_day", "popularity_total", "top_movie")
    found = loaded.rows(
        "select t.relname, string_agg(a.attname, ', ' order by a.attnum) from pg_index as i "
        "join pg_class as t on t.oid = i.indrelid join pg_attribute as a on a.attrelid = i.indexrelid "
        "where t.relname = any(:tables) group by i.indexrelid, t.relname order by 1",
        tables=list(tables),
    )
    assert found == [
        ("fact_movie_daily", "date_id, movie_id"),
        ("load_day", "date_id"),
        ("movie_latest", "movie_id"),
        ("popularity_total", "kind, code"),
        ("top_movie", "rank"),
    ]
