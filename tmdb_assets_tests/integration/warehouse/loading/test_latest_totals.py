"""The stored totals are right whenever a load ends, and readers neither wait nor count."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.loading.latest_state import KEEP_LATEST, ensure_day, keep_latest, renew_totals
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import AFTER, BEFORE, DAY, SECOND_DAY, load_day, make_star, shown
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.at_once import in_background, wait_until_blocked
from tmdb_assets_tests.stage.waiting import PATIENCE_S

LATER = dt.date(2026, 7, 4)
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
YESTERDAY = {  # only film 5 still has its state of the day before
    "genre": [],
    "continent": [],
    "top": [(1, 5, 1.0, 0)],
}
# A change -> what of the views it changes.
CHANGES: dict[str, dict[str, list[Any]]] = {
    "update dim_movie set removed_date = null where movie_id = 4": UNREMOVED,
    "delete from bridge_movie_genre where movie_id = 3": {
        "genre": [("Comedy", 4.0, 10, 1), ("Drama", 3.0, 30, 2)],
    },
    "insert into bridge_movie_genre values (3, 18)": {
        "genre": [("Comedy", 6.0, 10, 2), ("Drama", 14 / 3, 30, 3)],
    },
    "truncate bridge_movie_country": {"continent": []},
    "update dim_country set continent = 'Asia' where iso_3166_1 = 'IT'": {
        "continent": [("Asia", 4.0, 1, 10), ("Europe", 6.0, 2, 10), ("North America", 2.0, 1, 20)],
    },
    "delete from load_day where date_id = '2026-07-02'": YESTERDAY,
    "update movie_latest set popularity = 6 where movie_id = 2": {
        "genre": [("Comedy", 6.0, 10, 2), ("Drama", 5.0, 30, 2)],
        "continent": [("Europe", 6.0, 2, 10), ("North America", 6.0, 1, 20)],
        "top": [(1, 3, 8.0, 0), (2, 2, 6.0, 20), (3, 1, 4.0, 10)],
    },
}


@pytest.fixture
def tables(warehouse: Warehouse) -> Tables:
    return make_star(warehouse)


def read_kept(tables: Tables) -> dict[str, list[Any]]:
    """The stored totals."""
    return {name: tables.rows(f"select * from {name} order by 1, 2") for name in ("popularity_total", "top_movie")}


def test_a_day_that_is_loaded_again_replaces_its_popularity_and_votes(warehouse: Warehouse, tables: Tables) -> None:
    loaded_at = tables.value("select loaded_at from load_day where date_id = :day", day=DAY)
    load_day(warehouse, DAY, {**SECOND_DAY, 1: (4.0, 8.0, 11), 2: (3.0, 6.0, 20)})
    assert tables.value("select loaded_at from load_day where date_id = :day", day=DAY) > loaded_at
    query = "select vote_average, vote_count, votes_date from movie_latest where movie_id < 3 order by movie_id"
    assert tables.rows(query) == [(8.0, 11, DAY), (6.0, 20, DAY)]


def test_a_load_stores_the_right_totals(tables: Tables) -> None:
    assert shown(tables) == RIGHT
    assert read_kept(tables) == {
        "popularity_total": [
            # mean, votes, films; median, shares of all and of the top 200; films with votes, since; mean ratings
            ("continent", "Europe", 6.0, 10, 2, 6.0, 12 / 14, 12 / 14, 1, DAY, 7.0, 7.0),
            ("continent", "North America", 2.0, 20, 1, 2.0, 2 / 14, 2 / 14, 1, DAY, 6.0, 6.0),
            ("genre", "18", 3.0, 30, 2, 3.0, 6 / 14, 6 / 14, 2, DAY, 6.5, (7 * 10 + 6 * 20) / 30),
            ("genre", "35", 6.0, 10, 2, 6.0, 12 / 14, 12 / 14, 1, DAY, 7.0, 7.0),
        ],
        "top_movie": [(1, 3), (2, 1), (3, 2)],
    }


def test_the_views_show_every_measure_under_its_name(tables: Tables) -> None:
    load_day(
        tables.warehouse, AFTER, {1: (4.0, 7.5, 30), 2: (2.0, None, None), 3: (0.0, None, 0), 5: (6.0, None, None)}
    )
    names = "median_popularity, popularity_share, top_200_share, n_movies_with_votes, oldest_votes_date, avg_rating"
    drama = tables.rows(f"select {names}, votes_weighted_rating from vw_genre_popularity where name = 'Drama'")
    assert drama == [(3.0, 0.5, 0.5, 2, DAY, 6.75, pytest.approx((7.5 * 30 + 6 * 20) / 50))]  # film 2's votes are old
    comedy = tables.rows(f"select {names}, votes_weighted_rating from vw_genre_popularity where name = 'Comedy'")
    assert comedy == [(2.0, pytest.approx(1 / 3), pytest.approx(1 / 3), 1, AFTER, 7.5, 7.5)]
    america = tables.rows(
        f"select {names}, votes_weighted_rating from vw_continent_popularity where continent = 'North America'"
    )
    assert america == [(2.0, pytest.approx(1 / 6), pytest.approx(1 / 6), 1, DAY, 6.0, 6.0)]
    load_day(tables.warehouse, LATER, {3: (0.0, None, 0)})
    nothing = tables.rows(f"select {names}, votes_weighted_rating from vw_genre_popularity")
    assert nothing == [(0.0, None, None, 0, LATER, None, None)]


def test_the_views_read_the_stored_totals(tables: Tables) -> None:
    tables.execute("update popularity_total set total_votes = 5")
    tables.execute("delete from top_movie where rank > 1")
    assert shown(tables) == {
        "genre": [("Comedy", 6.0, 5, 2), ("Drama", 3.0, 5, 2)],
        "continent": [("Europe", 6.0, 2, 5), ("North America", 2.0, 1, 5)],
        "top": [(1, 3, 8.0, 0)],
    }


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_when_its_transaction_ends(change: str, tables: Tables) -> None:
    with tables.warehouse.begin() as changing:
        changing.exec_driver_sql(change)
        renew_totals(changing)
        assert shown(tables) == RIGHT  # others see the state before
    assert shown(tables) == RIGHT | CHANGES[change]


def test_names_show_at_once_without_a_renewal(tables: Tables) -> None:
    tables.execute("update dim_genre set name = 'Absurd' where genre_id = 35")
    tables.execute("update dim_movie set title = 'New' where movie_id = 3")
    assert [name for name, *_ in shown(tables)["genre"]] == ["Absurd", "Drama"]
    assert tables.value("select title from vw_top_movies where rank = 1") == "New"


def test_the_newest_day_again_counts_the_totals_though_no_film_changed(tables: Tables) -> None:
    """As the check of the latest state advises."""
    tables.execute("delete from top_movie")
    with tables.warehouse.begin() as connection:
        keep_latest(connection, tables.value("select max(date_id) from load_day"))
    assert shown(tables) == RIGHT


def test_a_load_of_the_past_that_changes_no_total_renews_none(tables: Tables) -> None:
    kept = tables.rows("select xmin::text from popularity_total")
    load_day(tables.warehouse, BEFORE - dt.timedelta(days=1), {1: (50.0, 1.0, 1)})  # a day of the past
    assert tables.rows("select xmin::text from popularity_total") == kept
    assert shown(tables) == RIGHT


def test_a_newest_day_without_films_empties_the_totals(tables: Tables) -> None:
    load_day(tables.warehouse, AFTER, {})
    assert shown(tables) == {"genre": [], "continent": [], "top": []}


def test_readers_do_not_wait_and_see_whole_days(tables: Tables) -> None:
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


def test_a_change_during_a_load_is_never_lost(tables: Tables) -> None:
    """Links change in a transaction that began before a load renewed the totals, and ends after it."""
    with tables.warehouse.begin() as changing:
        changing.exec_driver_sql("delete from bridge_movie_genre where movie_id = 3")
        load_day(tables.warehouse, DAY, SECOND_DAY | {2: (3.0, 6.0, 20)})
        assert shown(tables)["genre"] == [("Comedy", 6.0, 10, 2), ("Drama", 3.5, 30, 2)]
        renew_totals(changing)
    assert shown(tables)["genre"] == [("Comedy", 4.0, 10, 1), ("Drama", 3.5, 30, 2)]


def test_two_changes_that_end_at_once_are_both_counted(tables: Tables) -> None:
    """The second waits for the first, which has counted and not committed, and then counts both."""

    def change_too() -> None:
        with tables.warehouse.begin() as changing:
            changing.exec_driver_sql("delete from bridge_movie_genre where movie_id = 2")
            renew_totals(changing)

    with tables.warehouse.begin() as first:
        first.exec_driver_sql("delete from bridge_movie_genre where movie_id = 3")
        renew_totals(first)
        second = in_background(change_too)
        wait_until_blocked(tables.warehouse)
        assert shown(tables) == RIGHT
    second.result(timeout=PATIENCE_S)
    assert shown(tables)["genre"] == [("Comedy", 4.0, 10, 1), ("Drama", 4.0, 10, 1)]


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
