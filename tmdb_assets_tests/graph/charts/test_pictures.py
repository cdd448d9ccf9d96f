"""The queries of the pictures with known rows: what each counts, samples, leaves out and orders by."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from tmdb_assets.assets.views import VIEWS
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.charts.side_tables import genres_beside_days, genres_then_and_now, groups_with_shares, largest_revenue
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.loading.latest_state import keep_latest
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.read_pictures import read_picture
from tmdb_assets.warehouse.schema.bridges import bridge_movie_country, bridge_movie_genre
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.dimensions import dim_country, dim_date, dim_genre, dim_language, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows
from tmdb_assets_tests.oracle.compare import copied_warehouse

TODAY = dt.date(2026, 7, 29)
# Of each film: language, runtime, budget, revenue, released so many days from today, rating, genres, countries.
FILMS = {
    1: ("en", 95, 100, 900, -30, 7.5, [1, 2], ["US", "FR"]),
    2: ("en", 99, 100, 50, -31, 7.9, [1], ["US"]),
    3: ("fr", 260, None, 50, 365, 10.0, [2], ["FR"]),
    4: (None, None, 100, 100, 0, None, [], []),
    5: ("en", 90, 100, 999, 1, 8.0, [1], ["US"]),  # removed
    6: ("en", 90, 100, 999, 1, 8.0, [1], ["US"]),  # not there on the newest day
}


@pytest.fixture(scope="module")
def connection(server):
    with copied_warehouse(server) as warehouse:
        _load(warehouse)
        with warehouse.engine.connect() as connection:
            yield connection


def _load(warehouse):
    stamp = {"as_of_date": TODAY}
    load_rows(warehouse, dim_date, calendar_rows(2016, 2026))
    for table, key, names in (
        (dim_language, "iso_639_1", {"en": "English", "fr": "French"}),
        (dim_country, "iso_3166_1", {"US": "America", "FR": "France"}),
        (dim_genre, "genre_id", {1: "Drama", 2: "Comedy"}),
    ):
        load_rows(warehouse, table, [{key: code, "name": name, **stamp} for code, name in names.items()], day=TODAY)
    films = [
        {"movie_id": film, "title": f"Film {film}", "original_language": language, "runtime_minutes": minutes,
         "budget_usd": budget, "revenue_usd": revenue, "release_date": TODAY + dt.timedelta(days=away), **stamp}
        for film, (language, minutes, budget, revenue, away, *_) in FILMS.items()
    ]  # fmt: skip
    load_rows(warehouse, dim_movie, films, day=TODAY)
    with warehouse.begin() as connection:
        for film, (*_, genres, countries) in FILMS.items():
            for table, key, codes in (
                (bridge_movie_genre, "genre_id", genres),
                (bridge_movie_country, "iso_3166_1", countries),
            ):
                if codes:
                    connection.execute(table.insert(), [{"movie_id": film, key: code} for code in codes])
        connection.execute(dim_movie.update().where(dim_movie.c.movie_id == 5).values(removed_date=TODAY))
        for view in VIEWS:
            apply_view(connection, view.name)
    for ago, present in ((3650, [1, 6]), (20, [2, 6]), (8, [1]), (1, [3]), (0, [1, 2, 3, 4, 5])):
        day = TODAY - dt.timedelta(days=ago)
        facts = [
            {"date_id": day, "movie_id": film, "popularity": 10.0 * film, "source": "discover",
             "vote_average": FILMS[film][5], "vote_count": 10 if FILMS[film][5] else 0}
            for film in present
        ]  # fmt: skip
        with warehouse.begin() as connection:
            load(connection, fact_movie_daily, [as_frame(fact_movie_daily, facts)], day=day)
            keep_latest(connection, day)


def read(connection, name, **parameters):
    return read_picture(connection, name, {**PICTURES[name].parameters, **parameters})


def rows(connection, name, **parameters):
    frame = read(connection, name, **parameters).astype(object)
    return [tuple(row) for row in frame.where(frame.notna(), None).itertuples(index=False)]


def test_groups_count_the_newest_days_films_that_are_not_removed(connection):
    assert rows(connection, "original_languages") == [
        ("en", "English", 2, 0.5, 15.0),
        (None, None, 1, 0.25, 40.0),
        ("fr", "French", 1, 0.25, 30.0),
    ]
    assert rows(connection, "production_countries") == [
        ("FR", "France", 2, 0.5, 20.0),
        ("US", "America", 2, 0.5, 15.0),
        (None, None, 1, 0.25, 40.0),
    ]
    table = groups_with_shares(read(connection, "original_languages"))
    assert table.to_dict(orient="records")[1] == {"name": "not known", "films": 1, "share %": 25.0, "median": 40.0}


def test_ranges_have_lower_bounds_and_the_last_ones_include_their_upper_bound(connection):
    assert rows(connection, "rating_distribution") == [(7.5, 2), (9.5, 1), (None, 1)]
    assert rows(connection, "runtime_distribution") == [(90, 2), (240, 1), (None, 1)]


def test_releases_reach_from_a_month_back_to_a_year_ahead(connection):
    shown = [(str(released), film) for released, film, *_ in rows(connection, "release_calendar")]
    assert shown == [("2026-06-29", 1), ("2026-07-29", 4), ("2027-07-29", 3)]


def test_money_is_of_films_of_which_both_amounts_are_known(connection):
    frame = read(connection, "budget_and_revenue")
    assert frame["movie_id"].tolist() == [4, 2, 1]  # by popularity
    table = largest_revenue(frame)
    assert table["title"].tolist() == ["Film 1", "Film 4", "Film 2"]
    assert table["ratio"].tolist() == [9.0, 1.0, 0.5]


def test_genre_shares_are_of_the_newest_loaded_day_of_each_interval(connection):
    found = [(str(day), genre, share) for day, genre, _, share in rows(connection, "genre_shares", days=27)]
    # Intervals of three days, counted back from the newest. Neither the film without genres
    # nor the removed one is counted.
    assert found == [
        ("2026-07-09", 1, 1.0),
        ("2026-07-21", 1, 1.0),
        ("2026-07-21", 2, 1.0),
        ("2026-07-29", 1, 2 / 3),
        ("2026-07-29", 2, 2 / 3),
    ]
    table = genres_then_and_now(read(connection, "genre_shares", days=27))
    assert list(table) == ["genre", "2026-07-09 %", "2026-07-29 %"]
    assert table.iloc[:, 1:].to_numpy().tolist() == [[100.0, 66.7], [0.0, 66.7]]
    years = read(connection, "genre_shares", days=3650)
    assert [str(day) for day in years["date_id"].unique()] == ["2016-07-31", "2026-07-29"]
    table = genres_beside_days(years)
    assert list(table.columns) == ["day (UTC)", "Drama %", "Comedy %"]
    assert table.iloc[0].tolist()[1:] == [66.7, 66.7]


def test_a_parameter_that_the_query_does_not_have_is_an_error(connection):
    with pytest.raises(sa.exc.ArgumentError, match="weeks"):
        read(connection, "genre_shares", weeks=3)
