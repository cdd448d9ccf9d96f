"""vw_trending_movies and the pictures over time, with real rows."""

from __future__ import annotations

import datetime as dt
import json
from pkgutil import resolve_name

import pytest

from tmdb_assets.assets import reports
from tmdb_assets.charts import render
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.loading.latest_state import keep_latest, renew_totals
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.dimensions import dim_date, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.platform import failures_of, metadata_of, platform

TODAY = dt.date(2026, 7, 29)
# Popularity by days ago. Every film of the newest day has its own reason to be here.
POPULARITY = {
    1: {30: 5.0, 7: 10.0, 1: 12.0, 0: 15.0},  # rises
    2: {30: 50.0, 7: 40.0, 1: 30.0, 0: 20.0},  # falls
    3: {7: 8.0, 0: 13.0},  # rises as much as film 1, from less; no fact a day ago
    4: {0: 99.0},  # new today
    5: {8: 1.0, 6: 2.0, 0: 3.0},  # its days are next to the compared one
    6: {7: 1.0, 0: 80.0},  # removed
    7: {7: 6.0, 1: 7.0},  # not there on the newest day
    8: {30: 7.0, 7: 4.0, 0: 4.0},  # the same as a week ago
    9: {0: 3.0},  # new today, as popular as film 5
}
REMOVED = 6
VIEW = """
select
    movie_id, rank, popularity, popularity_1d_ago, popularity_7d_ago, popularity_30d_ago,
    change_1d, change_7d, change_30d
from vw_trending_movies
order by rank
"""


def load_films(warehouse, popularity, removed=REMOVED):
    """Films with these facts, loaded as the assets load them."""
    load_rows(warehouse, dim_date, calendar_rows(2026, 2026))
    films = [
        {"movie_id": film, "title": f"Film {film}", "release_date": dt.date(2026, 1, film), "as_of_date": TODAY}
        for film in popularity
    ]
    load_rows(warehouse, dim_movie, films, day=TODAY)
    for ago in sorted({ago for days in popularity.values() for ago in days}):
        day = TODAY - dt.timedelta(days=ago)
        rows = [
            {"date_id": day, "movie_id": film, "popularity": days[ago], "source": "export"}
            for film, days in popularity.items()
            if ago in days
        ]
        with warehouse.begin() as connection:
            load(connection, fact_movie_daily, [as_frame(fact_movie_daily, rows)], day=day)
            keep_latest(connection, day)
    tables = Tables(warehouse)
    tables.execute("update dim_movie set removed_date = :day where movie_id = :film", day=TODAY, film=removed)
    with warehouse.begin() as connection:
        renew_totals(connection)
    return tables


@pytest.fixture
def tables(warehouse):
    made = load_films(warehouse, POPULARITY)
    with warehouse.begin() as connection:
        apply_view(connection, "vw_trending_movies")
    return made


def test_trending_films_show_exact_days_ago_and_are_ranked_by_the_week(tables):
    assert tables.rows(VIEW) == [
        (1, 1, 15.0, 12.0, 10.0, 5.0, 3.0, 5.0, 10.0),
        (3, 2, 13.0, None, 8.0, None, None, 5.0, None),
        (8, 3, 4.0, None, 4.0, 7.0, None, 0.0, -3.0),
        (2, 4, 20.0, 30.0, 40.0, 50.0, -10.0, -20.0, -30.0),
        (4, 5, 99.0, None, None, None, None, None, None),
        (5, 6, 3.0, None, None, None, None, None, None),
        (9, 7, 3.0, None, None, None, None, None, None),
    ]
    described = tables.rows("select distinct snapshot_date, title, release_date from vw_trending_movies where rank = 3")
    assert described == [(TODAY, "Film 8", dt.date(2026, 1, 8))]


def test_percents_are_ranked_from_a_floor_on(tables):
    found = tables.rows(
        "select movie_id, rank_by_percent, change_percent_1d, change_percent_7d, change_percent_30d "
        "from vw_trending_movies order by rank_by_percent, movie_id"
    )
    assert found == [
        (3, 1, None, 62.5, None),
        (1, 2, 25.0, 50.0, 200.0),
        (2, 3, pytest.approx(-100 / 3), -50.0, -60.0),
        (4, None, None, None, None),
        (5, None, None, None, None),
        (8, None, None, 0.0, pytest.approx(-300 / 7)),  # 4.0 a week ago: below the floor
        (9, None, None, None, None),
    ]


def test_percents_of_extreme_figures_are_large_or_unknown(tables):
    load_films(tables.warehouse, {1: {7: 5.0, 0: 1e9}, 2: {7: 5e-324, 0: 9.0}, 3: {7: 0.0, 0: 1.0}}, removed=9)
    found = tables.rows(
        "select movie_id, change_percent_7d, rank_by_percent from vw_trending_movies where movie_id < 4"
    )
    assert sorted(found) == [(1, pytest.approx(2e10), 1), (2, None, None), (3, None, None)]


def test_a_film_that_comes_back_is_ranked_again(tables):
    tables.execute("update dim_movie set removed_date = null")
    assert tables.rows("select movie_id, change_7d from vw_trending_movies where rank = 1") == [(6, 79.0)]


def test_an_empty_warehouse_has_no_trends(warehouse):
    with warehouse.begin() as connection:
        apply_view(connection, "vw_trending_movies")
    assert Tables(warehouse).rows(VIEW) == []


def test_only_the_months_of_the_compared_days_are_read(tables):
    for back in (60, 120):  # months of history that no compared day is in
        load_films(tables.warehouse, {1: {back: 1.0}})
    plan = tables.value("explain (analyze, format json) select * from vw_trending_movies")
    plan = json.loads(plan) if isinstance(plan, str) else plan

    def read(node):
        if node["Actual Loops"] > 0:
            yield node.get("Relation Name", "")
        for child in node.get("Plans", ()):
            yield from read(child)

    assert len(tables.column("select inhrelid from pg_inherits where inhparent = 'fact_movie_daily'::regclass")) == 4
    facts = [name for name in read(plan[0]["Plan"]) if name.startswith("fact_")]
    assert sorted(facts) == ["fact_movie_daily_2026_06", "fact_movie_daily_2026_07", "fact_movie_daily_2026_07"]


@pytest.fixture
def graph(warehouse, monkeypatch):
    with platform(warehouse, catalogue(()), monkeypatch) as made:
        yield made


def run_trends(graph, monkeypatch):
    """The metadata of the pictures over time, and the text of their charts, which are not rendered."""
    drawn = []
    monkeypatch.setattr(reports, "apart", lambda function, *given, **named: resolve_name(function)(*given, **named))
    monkeypatch.setattr(render, "to_png", lambda chart: drawn.append(chart.to_json()) or b"")
    made = {"vw_top_movies", "vw_movie_latest", "vw_load_status", "forecast_movie_daily", "report_trends"}
    result = graph.run(TODAY, only=made)
    assert failures_of(result) == []
    return metadata_of(result, "report_trends"), drawn


def test_pictures_over_time_and_their_tables(graph, monkeypatch):
    load_films(graph.warehouse, {**POPULARITY, 10: {31: 1.0, 2: 2.0, 0: 2.5}})
    graph.execute("update dim_movie set title = 'Twin' where movie_id in (1, 2)")
    metadata, (lines, bars, _, forecasts) = run_trends(graph, monkeypatch)
    table = [record.data for record in metadata["popularity_over_time_table"].records]
    # The top 8 by popularity, a row each; two films of one title stay two.
    assert [row["title"] for row in table] == [
        "Film 4", "Twin", "Twin", "Film 3", "Film 8", "Film 5", "Film 9", "Film 10",
    ]  # fmt: skip
    assert list(table[0]) == ["title", "now", "week ago", "30 days ago"]
    assert [list(row.values())[1:] for row in table[1:3]] == [[20, 40, 50], [15, 10, 5]]
    movers = [list(record.data.values()) for record in metadata["movers_of_the_week_table"].records]
    assert movers == [["Twin", 15, 10, 5, 50], ["Film 3", 13, 8, 5, 62.5], ["Twin", 20, 40, -20, -50]]
    assert all("No history yet" not in text for text in (lines, bars))
    assert "2026-06-29 to 2026-07-29" in lines
    # With so few days the last value is published: of a week ago, of the day before, and what came.
    expected = [list(record.data.values()) for record in metadata["forecast_record_table"].records]
    assert expected[:4] == [
        ["Film 4", None, None, 99, 99], ["Twin", 40, 30, 20, 20], ["Twin", 10, 12, 15, 15], ["Film 3", 8, None, 13, 13],
    ]  # fmt: skip
    assert len(expected) == 6
    assert "Forecast against what came" in forecasts


def test_pictures_of_a_single_day_say_that_there_is_no_history(graph, monkeypatch):
    load_films(graph.warehouse, {film: {0: float(film)} for film in range(1, 13)})
    metadata, drawn = run_trends(graph, monkeypatch)
    assert all("No history yet" in text and "tmdb-assets backfill" in text for text in drawn[:2])
    assert "Nothing of 2026-07-22 is loaded." in drawn[1]
    rows = [record.data for record in metadata["popularity_over_time_table"].records]
    assert [row["title"] for row in rows] == [f"Film {film}" for film in (12, 11, 10, 9, 8, 7, 5, 4)]
    assert {(row["week ago"], row["30 days ago"]) for row in rows} == {(None, None)}
    assert {"movers_of_the_week_table", "genre_shares_table"}.isdisjoint(metadata)
    assert "No film of a loaded day has a known genre." in drawn[2]


def test_both_ends_of_the_ranking_are_drawn_each_film_once(graph, monkeypatch):
    change = {film: film - 15 for film in range(1, 28)}  # film 15 does not move
    load_films(graph.warehouse, {film: {7: 50.0, 0: 50.0 + more} for film, more in change.items()}, removed=27)
    metadata, _ = run_trends(graph, monkeypatch)
    movers = [record.data["change"] for record in metadata["movers_of_the_week_table"].records]
    assert movers == [*range(11, 1, -1), *range(-5, -15, -1)]
