"""Every row of the views and of the pictures' queries on drawn stars, against plain Python: ties, gaps, old votes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from tmdb_assets.settings import SQL_DIR
from tmdb_assets.warehouse.loading.latest_state import ensure_day
from tmdb_assets.warehouse.read_pictures import query_rows, read_rows
from tmdb_assets.warehouse.schema.ddl import apply_view, function_file, view_file, view_names
from tmdb_assets_tests.cases.drawn_star import NEWEST, TAIL, draw_forecasts, draw_star
from tmdb_assets_tests.cases.small_star import load_facts
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.oracle.pictures import PICTURES
from tmdb_assets_tests.oracle.views import VIEWS

SEEDS = (1, 2, 3)
BUSY = [(person, f"Person {person}", None, NEWEST) for person in (21, 22)]
TOTALS = ("vw_genre_popularity", "vw_continent_popularity", "vw_top_movies")


@pytest.fixture(scope="module")
def stars(server):
    """Drawn stars, each with a connection to a warehouse that holds it."""
    with ExitStack() as stack:
        yield [(star, stack.enter_context(_loaded(server, star))) for star in map(draw_star, SEEDS)]


@contextmanager
def _loaded(server, star):
    with copied_warehouse(server) as warehouse:
        with warehouse.begin() as connection:
            for into, rows in star.inserts().items():
                places = ", ".join(["%s"] * len(rows[0]))
                connection.exec_driver_sql(f"insert into {into} values ({places})", rows)
            for view in view_names():
                apply_view(connection, view)
            for day in {row[0] for row in draw_forecasts(1)}:
                ensure_day(connection, day)
            into = "forecast_movie_daily (origin_date, horizon, movie_id, model, popularity)"
            connection.exec_driver_sql(f"insert into {into} values (%s, %s, %s, %s, %s)", draw_forecasts(1))
        for day, facts in star.facts.items():
            measures = [(film, *fact, "export" if fact[2] is None else "discover") for film, fact in facts.items()]
            load_facts(warehouse, day, measures)
        with warehouse.engine.connect() as connection:
            yield connection


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_what_plain_python_computes(stars, name):
    for star, connection in stars:
        with connection.begin() as transaction:
            connection.exec_driver_sql(_text(view_file(name)))
            columns, rows = _read(connection, name)
            assert _sorted(columns, rows) == _sorted(columns, VIEWS[name](star))
            assert name != "vw_top_movies" or [row[0] for row in rows] == list(range(1, 201))
            transaction.rollback()


def test_totals_counted_again_are_those_of_plain_python(stars):
    for star, connection in stars:
        with connection.begin() as transaction:
            connection.exec_driver_sql(_text(function_file("renew_totals")))
            connection.exec_driver_sql("update popularity_total set total_votes = 0; delete from top_movie")
            connection.exec_driver_sql("select renew_totals()")
            for name in TOTALS:
                columns, rows = _read(connection, name)
                assert _sorted(columns, rows) == _sorted(columns, VIEWS[name](star)), name
            transaction.rollback()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_reads_what_plain_python_computes(stars, name):
    compute, asked = PICTURES[name]
    for star, connection in stars:
        for parameters in asked:
            with connection.begin() as transaction:
                columns, rows = read_rows(connection, name, parameters)
                transaction.rollback()
            expected = compute(star, **parameters)
            assert _rounded_rows(columns, rows) == _rounded_rows(columns, expected), (parameters, star.facts.keys())


@pytest.mark.parametrize("films", ["3", "20"])
def test_the_top_people_are_those_of_all_where_few_films_are_summed_first(stars, films):
    """Instead of 4,000 films; two people have so many other ones that they are among the top."""
    for drawn, connection in stars:
        star = replace(drawn, people=[*drawn.people, *BUSY])
        star.cast = drawn.cast + [(film, f"x{film}", BUSY[0][0], 9) for film in TAIL[:90]]
        star.crew = drawn.crew + [(film, f"y{film}", BUSY[1][0], "Sound") for film in TAIL[90:180]]
        with connection.begin() as transaction:
            for (into, rows), (_, before) in zip(star.inserts().items(), drawn.inserts().items(), strict=True):
                for row in rows[len(before) :]:
                    connection.exec_driver_sql(f"insert into {into} values ({', '.join(['%s'] * len(row))})", row)
            text = (SQL_DIR / "pictures" / "top_people.sql").read_text(encoding="utf-8").replace("4000", films)
            columns, rows = query_rows(connection, text)
            transaction.rollback()
        expected = PICTURES["top_people"][0](star)
        assert {BUSY[0][0], BUSY[1][0]} < {person for person, *_ in expected}
        assert _rounded_rows(columns, rows) == _rounded_rows(columns, expected)


def test_the_rising_keywords_are_those_of_all_where_few_are_summed_exactly(stars):
    """Five instead of twenty: fewer than rise."""
    text = (SQL_DIR / "pictures" / "rising_keywords.sql").read_text(encoding="utf-8")
    text = text.replace("offset 19", "offset 4").replace("limit 20", "limit 5")
    for star, connection in stars:
        with connection.begin() as transaction:
            columns, rows = query_rows(connection, text)
            transaction.rollback()
        expected = PICTURES["rising_keywords"][0](star)[:5]
        assert _rounded_rows(columns, rows) == _rounded_rows(columns, expected)


def test_every_picture_is_computed():
    assert {path.stem for path in (SQL_DIR / "pictures").glob("*.sql")} == set(PICTURES)


def _text(path):
    return path.read_text(encoding="utf-8").replace("%", "%%")


def _read(connection, name):
    """The names of a view's columns, but for the time of loading, and its rows."""
    query = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum"
    columns = [column for (column,) in connection.exec_driver_sql(query, (name,)) if column != "loaded_at"]
    rows = connection.exec_driver_sql(f"select {', '.join(columns)} from {name}").all()
    assert len(rows) > 1, name
    return columns, rows


def _sorted(columns, rows):
    return sorted(_rounded_rows(columns, rows), key=repr)


def _rounded_rows(columns, rows):
    return [tuple(map(_rounded, columns, row)) for row in rows]


def _rounded(column, value):
    """To ten digits, but for sums in a declared order: others, of doubles, differ in the last ones."""
    return float(f"{value:.10g}") if isinstance(value, float | Decimal) and column != "popularity" else value
