"""The trials of `make chaos` see what they look for: half of a day, totals of other facts, a film without its links."""

from __future__ import annotations

import pytest

from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.cases.small_star import DAY, make_star
from tmdb_assets_tests.chaos.content import content_of, differences, find_halves, half_seen
from tmdb_assets_tests.stage.postgres import connect

OVERLAP = """
insert into movie_history (movie_id, valid_from, valid_to, is_removed, confirmed_dates) values
(1, '2026-07-01', '2026-07-02', false, '{2026-07-01}'), (1, '2026-07-03', null, false, '{2026-07-03}')
"""
SEEN = {
    "delete from fact_movie_daily where movie_id = 1 and date_id = '2026-07-02'": "a day's facts are not as many",
    "update movie_latest set popularity = 0.5 where movie_id = 1": "the latest state is not the newest fact",
    "delete from movie_latest where movie_id = 5": "a fact without a latest state",
    "update popularity_total set n_movies = 9": "totals are not a fresh count",
    "delete from top_movie where rank = 1": "the top is not a fresh count",
    "update dim_movie set details_date = '2026-07-02' where movie_id = 5": "a film with details has no links",
    OVERLAP: "a film's periods overlap or leave a hole",
}


@pytest.fixture
def star(warehouse):
    return make_star(warehouse)


def test_a_reader_sees_each_half_and_nothing_in_a_whole_warehouse(star, database):
    with connect(database) as connection:
        for statement, what in SEEN.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
                seen = find_halves(connection, {})
            assert any(text.startswith(what) for text in seen), (statement, seen)
        connection.autocommit = False
        assert half_seen(connection, {str(DAY): 4}) == []
        assert half_seen(connection, {str(DAY): 5}) == [f"4 of the 5 facts of {DAY}"]
        assert half_seen(connection, {"2026-07-09": 5}) == []


def test_a_missing_and_a_changed_row_are_differences(star, database):
    url = render_url(database)
    wanted = content_of(url)
    assert differences(wanted, content_of(url)) == ({}, {})
    star.execute("delete from bridge_movie_genre where movie_id = 1 and genre_id = 18")
    star.execute("update dim_movie set title = 'Other' where movie_id = 2")
    lost, doubled = differences(wanted, content_of(url))
    assert {name: len(rows) for name, rows in lost.items()} == {"bridge_movie_genre": 1, "dim_movie": 1}
    assert {name: len(rows) for name, rows in doubled.items()} == {"dim_movie": 1}
    star.execute("update dim_movie set updated_at = now() + interval '1 day'")
    assert len(differences(wanted, content_of(url))[0]["dim_movie"]) == 1
