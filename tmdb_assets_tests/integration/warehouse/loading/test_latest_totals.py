"""The kept totals: they are what a count gives whenever a transaction ends, and nobody waits for them or counts."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.loading.latest_state import KEEP_LATEST, ensure_day, keep_latest
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import AFTER, BEFORE, DAY, SECOND_DAY, load_day, make_star, shown
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.waiting import wait_until

NOTES = "select table_name from latest_change order by 1"
RIGHT = {
    "genre": [("Comedy", 6.0, 10, 2), ("Drama", 3.0, 30, 2)],
    "continent": [("Europe", 6.0, 2, 10), ("North America", 2.0, 1, 20)],
    "top": [(1, 3, 8.0, 0), (2, 1, 4.0, 10), (3, 2, 2.0, 20)],
}
UNREMOVED = {
    "genre": [("Comedy", 6.0, 10, 2), ("Drama", 35.0, 129, 3)],
    "continent": [("Europe", 6.0, 2, 10), ("North America", 50.5, 2, 119)],
    "top": [(1, 4, 99.0, 99), (2, 3, 8.0, 0), (3, 1, 4.0, 10), (4, 2, 2.0, 20)],
}
YESTERDAY = {  # of the day before only film 5 kept its state: the others' went on to the newest day
    "genre": [],
    "continent": [],
    "top": [(1, 5, 1.0, 0)],
}
# A change -> the table that its note names, and what of the views it changes.
CHANGES: dict[str, tuple[str, dict[str, list[Any]]]] = {
    "update dim_movie set removed_date = null where movie_id = 4": ("dim_movie", UNREMOVED),
    "delete from bridge_movie_genre where movie_id = 3": (
        "bridge_movie_genre",
        {"genre": [("Comedy", 4.0, 10, 1), ("Drama", 3.0, 30, 2)]},
    ),
    "insert into bridge_movie_genre values (3, 18)": (
        "bridge_movie_genre",
        {"genre": [("Comedy", 6.0, 10, 2), ("Drama", 14 / 3, 30, 3)]},
    ),
    "update bridge_movie_genre set genre_id = 35 where movie_id = 2": (
        "bridge_movie_genre",
        {"genre": [("Comedy", 14 / 3, 30, 3), ("Drama", 4.0, 10, 1)]},
    ),
    "truncate bridge_movie_country": ("bridge_movie_country", {"continent": []}),
    "update dim_country set continent = 'Asia' where iso_3166_1 = 'IT'": (
        "dim_country",
        {"continent": [("Asia", 4.0, 1, 10), ("Europe", 6.0, 2, 10), ("North America", 2.0, 1, 20)]},
    ),
    "delete from load_day where date_id = '2026-07-02'": ("load_day", YESTERDAY),
    "update movie_latest set popularity = 6 where movie_id = 2": (
        "movie_latest",
        {
            "genre": [("Comedy", 6.0, 10, 2), ("Drama", 5.0, 30, 2)],
            "continent": [("Europe", 6.0, 2, 10), ("North America", 6.0, 1, 20)],
            "top": [(1, 3, 8.0, 0), (2, 2, 6.0, 20), (3, 1, 4.0, 10)],
        },
    ),
}


KEPT_OF = {"popularity_total": {"genre", "continent"}, "top_movie": {"top"}}


@pytest.fixture
def tables(warehouse: Warehouse) -> Tables:
    return make_star(warehouse)


def read_kept(tables: Tables) -> dict[str, list[Any]]:
    """The kept tables themselves."""
    return {name: tables.rows(f"select * from {name} order by 1, 2") for name in ("popularity_total", "top_movie")}


def test_a_load_leaves_totals_that_hold(tables: Tables) -> None:
    assert tables.column(NOTES) == []
    assert shown(tables) == RIGHT
    assert read_kept(tables) == {
        "popularity_total": [
            ("continent", "Europe", 6.0, 10, 2),
            ("continent", "North America", 2.0, 20, 1),
            ("genre", "18", 3.0, 30, 2),
            ("genre", "35", 6.0, 10, 2),
        ],
        "top_movie": [(1, 3), (2, 1), (3, 2)],
    }


def test_the_views_read_what_is_kept(tables: Tables) -> None:
    # Nothing but the load writes these tables; so it is seen where the views read.
    tables.execute("update popularity_total set total_votes = 5")
    tables.execute("delete from top_movie where rank > 1")
    assert shown(tables) == {
        "genre": [("Comedy", 6.0, 5, 2), ("Drama", 3.0, 5, 2)],
        "continent": [("Europe", 6.0, 2, 5), ("North America", 2.0, 1, 5)],
        "top": [(1, 3, 8.0, 0)],
    }


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_within_its_transaction_and_is_kept_when_that_ends(change: str, tables: Tables) -> None:
    table, changed = CHANGES[change]
    before = read_kept(tables)
    with tables.warehouse.begin() as changing:
        changing.exec_driver_sql(change)
        assert set(changing.scalars(sa.text(NOTES))) == {table}
        assert shown(tables) == RIGHT  # others see the state before
        assert tables.column(NOTES) == []
        top = [tuple(row) for row in changing.exec_driver_sql("select rank, movie_id from vw_top_movies")]
        assert top == [row[:2] for row in (RIGHT | changed)["top"]]
    assert tables.column(NOTES) == []
    kept = read_kept(tables)
    assert {name for name in kept if kept[name] != before[name]} == {
        name for name, of in KEPT_OF.items() if of & changed.keys()
    }
    assert shown(tables) == RIGHT | changed


def test_a_change_of_links_counts_its_own_kind_alone(tables: Tables) -> None:
    def written() -> dict[str, set[str]]:
        rows = tables.rows(
            "select kind, xmin::text from popularity_total union select 'top', xmin::text from top_movie"
        )
        return {kind: {xmin for of, xmin in rows if of == kind} for kind, _ in rows}

    before = written()
    tables.execute("insert into bridge_movie_genre values (3, 18)")
    genres = written()
    tables.execute("update dim_country set continent = 'Asia' where iso_3166_1 = 'IT'")
    continents = written()
    tables.execute("update dim_movie set removed_date = null where movie_id = 4")
    assert [kind for kind in before if genres[kind] != before[kind]] == ["genre"]
    assert [kind for kind in before if continents[kind] != genres[kind]] == ["continent"]
    assert [kind for kind in before if written()[kind] != continents[kind]] == list(before)


def test_a_change_that_is_rolled_back_leaves_nothing(tables: Tables) -> None:
    with tables.warehouse.begin() as connection:
        nested = connection.begin_nested()
        connection.exec_driver_sql("delete from bridge_movie_genre")
        nested.rollback()
        connection.exec_driver_sql("delete from bridge_movie_country where movie_id = 2")
    assert tables.column(NOTES) == []
    assert shown(tables) == RIGHT | {"continent": [("Europe", 6.0, 2, 10)]}


def test_names_show_at_once_and_cost_nothing(tables: Tables) -> None:
    tables.execute("update dim_genre set name = 'Absurd' where genre_id = 35")
    tables.execute("update dim_movie set title = 'New' where movie_id = 3")
    assert tables.column(NOTES) == []
    assert [name for name, *_ in shown(tables)["genre"]] == ["Absurd", "Drama"]
    assert tables.value("select title from vw_top_movies where rank = 1") == "New"


def test_what_changes_nothing_that_is_shown_leaves_no_note(tables: Tables) -> None:
    tables.execute("update dim_movie set as_of_date = '2026-07-03', removed_date = removed_date")
    tables.execute("update dim_country set as_of_date = '2026-07-03', continent = continent")
    tables.execute("delete from bridge_movie_genre where movie_id = 77")
    tables.execute("insert into bridge_movie_genre values (1, 18) on conflict do nothing")
    assert tables.column(NOTES) == []
    kept = tables.rows("select xmin::text from popularity_total")
    load_day(tables.warehouse, DAY, SECOND_DAY)  # the same again
    load_day(tables.warehouse, BEFORE - dt.timedelta(days=1), {1: (50.0, 1.0, 1)})  # a day of the past
    assert tables.rows("select xmin::text from popularity_total") == kept
    assert shown(tables) == RIGHT


def test_readers_wait_for_nobody_and_see_whole_days(tables: Tables) -> None:
    views = ("vw_top_movies", "vw_genre_popularity", "vw_continent_popularity", "vw_trending_movies", "vw_load_status")
    with tables.warehouse.begin() as loading:
        ensure_day(loading, AFTER)
        row = {"date_id": AFTER, "movie_id": 1, "popularity": 1.0, "source": "export"}
        loading.execute(fact_movie_daily.insert(), [row])
        keep_latest(loading, AFTER)
        assert loading.exec_driver_sql("select count(*) from vw_top_movies").scalar() == 1
        with tables.warehouse.begin() as reading:
            reading.exec_driver_sql("set local lock_timeout = '200ms'")
            for view in views:
                reading.exec_driver_sql(f"select * from {view}").all()
        assert shown(tables) == RIGHT
    assert shown(tables)["top"] == [(1, 1, 1.0, 10)]


def test_a_change_beside_a_load_is_never_lost(tables: Tables) -> None:
    """Links change in a transaction that began before a load renewed the totals, and ends after it."""
    with tables.warehouse.begin() as changing:
        changing.exec_driver_sql("delete from bridge_movie_genre where movie_id = 3")
        load_day(tables.warehouse, DAY, SECOND_DAY | {2: (3.0, 6.0, 20)})
        assert shown(tables)["genre"] == [("Comedy", 6.0, 10, 2), ("Drama", 3.5, 30, 2)]
    assert tables.column(NOTES) == []
    assert shown(tables)["genre"] == [("Comedy", 4.0, 10, 1), ("Drama", 3.5, 30, 2)]


def test_two_changes_that_end_at_once_are_both_counted(tables: Tables) -> None:
    """The second waits for the first, which has counted and is not over, and then counts both."""
    first = tables.warehouse.engine.connect()
    first.exec_driver_sql("delete from bridge_movie_genre where movie_id = 3")
    first.exec_driver_sql("set constraints all immediate")  # what its commit does first
    second = threading.Thread(
        target=tables.execute, args=["delete from bridge_movie_genre where movie_id = 2"], daemon=True
    )
    second.start()
    waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
    assert wait_until(lambda: tables.value(waits) == 1)
    assert shown(tables) == RIGHT
    first.commit()
    first.close()
    second.join(20)
    assert tables.column(NOTES) == []
    assert shown(tables)["genre"] == [("Comedy", 4.0, 10, 1), ("Drama", 4.0, 10, 1)]


def test_who_may_change_a_link_and_nothing_else_may_do_it(tables: Tables) -> None:
    role = f"linker_{tables.warehouse.url.database}"
    tables.execute(f"create role {role}")
    try:
        with tables.warehouse.begin() as connection:
            connection.exec_driver_sql(f"grant select, delete on bridge_movie_genre to {role}")
            connection.exec_driver_sql(f"set local role {role}")
            connection.exec_driver_sql("delete from bridge_movie_genre where movie_id = 3")
        assert shown(tables)["genre"] == [("Comedy", 4.0, 10, 1), ("Drama", 3.0, 30, 2)]
    finally:
        tables.execute(f"drop owned by {role}; drop role {role}")


def test_each_film_is_updated_in_its_page_and_no_index_is_written(warehouse: Warehouse) -> None:
    tables = Tables(warehouse)
    films = 2_000  # some 25 pages
    tables.execute(
        "insert into dim_movie (movie_id, title, as_of_date) "
        "select id, 'x', :day from generate_series(1, :films) as id",
        day=BEFORE,
        films=films,
    )
    load_day(warehouse, BEFORE, dict.fromkeys(range(1, films + 1), (1.0, 5.0, 1)))
    with warehouse.begin() as connection:
        ensure_day(connection, DAY)
        connection.exec_driver_sql(
            "insert into fact_movie_daily select date '2026-07-02', movie_id, 2.0, 6.0, 2, source from fact_movie_daily"
        )
    with warehouse.begin() as connection:
        connection.execute(sa.text(KEEP_LATEST), {"day": DAY})
        updated = connection.exec_driver_sql(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'movie_latest'"
        ).one()
    assert updated == (films, films)
