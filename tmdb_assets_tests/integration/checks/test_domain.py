"""Every check that knows the domain, on a day where it passes and on one where it fails: what it says and advises."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tmdb_assets.checks.domain import CHECKS
from tmdb_assets.checks.quality import judge
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.loading.measures import completeness_sql, measure_day, read_measures
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.cases.broken_days import BROKEN, DAYS_BEFORE, FILMS_SHOWN, GROWTH
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.platform import checks_of, failures_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(120))
BEFORE = [DAY - dt.timedelta(days=n) for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def usual_day(server):
    """The name of a database with a day and three like it before, to be copied."""
    with copied_warehouse(server) as made:
        with pytest.MonkeyPatch.context() as monkeypatch, platform(made, CATALOGUE, monkeypatch) as ready:
            for options in ({"charts": False}, {"only": {"quality_measure"}}):
                result = ready.run(DAY, **options)
                assert failures_of(result) == []
        assert checks_of(result) == {f"quality_measure.{name}": True for name in (*BROKEN, "contract")}
        tables = Tables(made)
        for statement in DAYS_BEFORE.split(";"):
            tables.execute(statement, day=DAY, before=BEFORE)
        made.close()
        yield str(made.url.database)


@pytest.fixture
def tables(server, usual_day):
    with copied_warehouse(server, usual_day) as made:
        yield Tables(made)


def judged(tables, **settings):
    """The results of all checks on the day, by name."""
    with tables.warehouse.begin() as connection:
        measure_day(connection, DAY)
        measures = read_measures(connection, DAY)
        tables.warehouse.settings = Settings.load(**settings)
        return {check.name: judge(check, measures, tables.warehouse, connection) for check in CHECKS}


def test_each_check_has_a_failing_case():
    assert {check.name for check in CHECKS} == set(BROKEN)
    assert all(check.name in check.description or "If not: " in check.description for check in CHECKS)


def test_a_usual_day_passes(tables):
    found = judged(tables)
    assert {name: result.description for name, result in found.items() if not result.passed} == {}
    assert {name: result.description for name, result in found.items()} == {check.name: check.says for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_broken_day_fails(tables, check):
    statements, text = BROKEN[check.name]
    with tables.warehouse.begin() as connection:
        for statement in statements.split("; "):
            connection.exec_driver_sql(statement.replace("%", "%%").replace(":day", f"date '{DAY}'"))
    found = judged(tables)
    assert [name for name, result in found.items() if not result.passed] == [check.name]
    result = found[check.name]
    fault, _, advice = result.description.partition(" What to do: ")
    assert re.fullmatch(text, fault), fault
    assert advice == check.advice
    assert result.severity.value == ("ERROR" if check.name == "history_has_no_hole" else "WARN")
    shown = result.metadata["movie_ids"].records if check.films else []
    assert len(shown) == FILMS_SHOWN.get(check.name, 0)


def test_popularity_with_another_order_is_no_change_of_scale(tables):
    tables.execute(
        "update fact_movie_daily set popularity = case when movie_id % 2 = 0 then popularity * 90 else popularity "
        "* 2.5 end where date_id = :day",
        day=DAY,
    )
    text = judged(tables)["popularity_is_usual"].description
    assert text.startswith("Popularity is ")
    assert "the films have another order" in text


def test_a_drift_that_comes_slowly_is_seen(tables):
    tables.execute("update fact_movie_daily set popularity = popularity * 1.9 where date_id = :day", day=DAY)
    assert judged(tables)["popularity_is_usual"].passed
    tables.execute(
        "update quality_measure set figure = figure / 2 where measure = 'popularity' and date_id < :day", day=DAY
    )
    text = judged(tables)["popularity_is_usual"].description
    assert re.match(r"The distribution of popularity has drifted: discover p50 [\d.]+ \(usual [\d.]+\)", text), text


def test_thresholds_are_settings(tables):
    tables.execute("update load_day set discover_count = 100 where date_id = :day", day=DAY)
    assert judged(tables)["film_count_is_usual"].passed
    assert not judged(tables, quality_film_count_change=0.1)["film_count_is_usual"].passed


def test_an_export_may_grow_and_not_shrink(tables):
    for statement in GROWTH.split(";"):
        tables.execute(statement, day=DAY)
    assert tables.column("select export_count from load_day order by date_id") == [190, 290, 390, 490]
    assert judged(tables)["film_count_is_usual"].passed
    tables.execute("update load_day set export_count = 250 where date_id = :day", day=DAY)
    fault = judged(tables)["film_count_is_usual"].description.partition(" What")[0]
    assert fault == "250 films from export, 50% of the known films that discover does not list (usual 97%)."


def test_single_votes_and_votes_of_two_weeks_may_fall(tables):
    """Of recorded films one in twenty lost a vote within a day."""
    fall = "update fact_movie_daily set vote_count = vote_count - :votes where date_id = :day and movie_id <= :last"
    tables.execute(fall, day=DAY, votes=1, last=9120)
    assert judged(tables)["votes_do_not_fall"].passed
    tables.execute("update fact_movie_daily set vote_count = 5000 + vote_count")
    tables.execute(fall, day=DAY, votes=3, last=9120)  # less than 0.1%
    assert judged(tables)["votes_do_not_fall"].passed
    tables.execute(fall, day=DAY, votes=9, last=9006)
    assert not judged(tables)["votes_do_not_fall"].passed
    tables.execute(
        "delete from load_day where date_id between :day - 2 and :day - 1", day=DAY
    )  # the next has 3 times it
    assert judged(tables)["votes_do_not_fall"].passed


def test_a_day_that_repeats_the_day_before_is_seen(tables):
    tables.execute("update fact_movie_daily set popularity = popularity / 1.01 where date_id < :day", day=DAY)
    before = "update fact_movie_daily as f set popularity = t.popularity from fact_movie_daily as t where "
    before += "t.date_id = :day and f.date_id = :day - 1 and f.movie_id = t.movie_id and f.movie_id <= :last"
    tables.execute(before, day=DAY, last=9060)
    tables.execute(
        "update fact_movie_daily set popularity = popularity * 1.1 where date_id < :day and movie_id > 9060", day=DAY
    )
    assert judged(tables)["popularity_is_usual"].passed
    tables.execute(before, day=DAY, last=9070)
    fault = judged(tables)["popularity_is_usual"].description
    assert fault.startswith("70 of the 120 most popular films have exactly the popularity of the loaded day before: ")
    assert judged(tables, quality_moved_share=0.4)["popularity_is_usual"].passed


def test_a_key_that_has_vanished_is_reported_on_three_days(tables):
    key = "insert into quality_measure select :day - day, 'key_share', 'raw_discover.brief', 1 from "
    key += "generate_series(cast(:first as int), :last) as day"
    tables.execute(key, day=DAY, first=1, last=2)
    assert judged(tables)["answers_keep_their_form"].passed  # it never came on three days
    tables.execute(key, day=DAY, first=3, last=3)
    assert "Vanished keys: raw_discover.brief" in judged(tables)["answers_keep_their_form"].description
    # The days after it vanished: it last came two, three, four measured days ago.
    for days, is_passed in ((2, False), (3, False), (4, True)):
        tables.execute("delete from quality_measure where subject = 'raw_discover.brief'")
        tables.execute(key, day=DAY, first=days, last=days + 5)
        tables.execute(
            "insert into quality_measure select :day - day, 'key_share', 'raw_discover.id', 1 from "
            "generate_series(1, 9) as day on conflict do nothing",
            day=DAY,
        )
        assert judged(tables)["answers_keep_their_form"].passed == is_passed, days


def test_a_field_that_vanishes_from_the_few_answers_of_a_day_is_seen(tables):
    """Of 120 films 12 are asked again."""
    tables.execute("update dim_movie set details_date = :day - 1 where movie_id > 9012", day=DAY)
    tables.execute("delete from raw_details where movie_id > 9012")
    assert [name for name, result in judged(tables).items() if not result.passed] == []
    tables.execute("update dim_movie set overview = null where movie_id <= 9003")  # of the day's a quarter
    assert judged(tables)["columns_are_filled"].passed
    tables.execute("update dim_movie set overview = null where movie_id <= 9006")
    tables.execute("delete from bridge_movie_language where movie_id <= 9012")
    fault = judged(tables)["columns_are_filled"].description.partition(" What")[0]
    assert fault == (
        "Of the films whose details came last, more than usual have no value: bridge_movie_language 100% of 12 (usual "
        "0%), dim_movie.overview 50% of 12 (usual 0%)."
    )
    tables.execute("update raw_details set payload = payload - 'overview'")
    assert "Vanished keys: raw_details.overview" in judged(tables)["answers_keep_their_form"].description
    tables.execute("delete from raw_details where movie_id > 9004")
    assert judged(tables)["answers_keep_their_form"].passed  # 4 answers


def test_few_answers_are_judged_with_those_of_the_days_before(tables):
    """Of 2 films half of which always lacked a value nothing is known; of those of many days it is."""
    tables.execute("update dim_movie set details_date = :day - 40 where movie_id > 9002", day=DAY)
    tables.execute("update dim_movie set overview = null where movie_id <= 9002")
    put = "insert into quality_measure select :day - day, :measure, 'dim_movie.overview', :figure from "
    put += "generate_series(cast(:first as int), :last) as day on conflict (date_id, measure, subject) do update "
    put += "set figure = excluded.figure"
    for first, last, films, lacking in ((1, 4, 20, 10), (5, 20, 20, 10)):
        tables.execute(put, day=DAY, measure="answered", first=first, last=last, figure=films)
        tables.execute(put, day=DAY, measure="answered_without", first=first, last=last, figure=lacking)
    assert judged(tables)["columns_are_filled"].passed
    tables.execute(put, day=DAY, measure="answered_without", first=1, last=4, figure=20)
    assert "dim_movie.overview 100% of " in judged(tables)["columns_are_filled"].description


def test_few_films_and_few_days_are_not_judged(tables):
    tables.execute("delete from fact_movie_daily where movie_id > 9090")
    for name in ("columns_are_filled", "films_have_their_links", "popularity_is_usual", "votes_do_not_fall"):
        for statement in BROKEN[name][0].split("; "):
            tables.execute(statement.replace(":day", f"date '{DAY}'"))
    tables.execute("update load_day set discover_count = 90")
    assert [name for name, result in judged(tables).items() if not result.passed] == []
    tables.execute("update load_day set discover_count = case when date_id = :day then 60 else 120 end", day=DAY)
    assert not judged(tables)["film_count_is_usual"].passed
    tables.execute("delete from load_day where date_id = :day - 3", day=DAY)
    assert judged(tables)["film_count_is_usual"].passed


def test_measuring_again_changes_nothing(tables):
    with tables.warehouse.begin() as connection:
        first, rows = measure_day(connection, DAY)
        second, _ = measure_day(connection, DAY)
    assert (first.has_changes, second.has_changes, second.unchanged) == (True, False, rows)
    tables.execute("update fact_movie_daily set popularity = popularity + ln(movie_id) where date_id = :day", day=DAY)
    with tables.warehouse.begin() as connection:
        measure_day(connection, DAY)
        for divisor in (3, 2, 7):  # an update moves rows, so that they are read in another order
            connection.exec_driver_sql(f"update fact_movie_daily set source = source where movie_id %% {divisor} = 0")
        moved, _ = measure_day(connection, DAY)
    assert (moved.has_changes, moved.unchanged) == (False, rows)
    assert tables.value("select count(*) from quality_measure where date_id = :day", day=DAY) == rows


def test_every_nullable_column_and_every_bridge_is_measured(tables):
    judged(tables)
    subjects = tables.column(
        "select subject from quality_measure where date_id = :day and measure in ('null_share', 'without_share')",
        day=DAY,
    )
    assert {"dim_movie.runtime_minutes", "dim_movie.budget_usd", "bridge_movie_genre"} <= set(subjects)
    assert "limit 20000" in completeness_sql()
