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
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.platform import checks_of, failures_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(120))
BEFORE = [DAY - dt.timedelta(days=n) for n in (1, 2, 3)]
# As if the three days before had brought the same answers.
DAYS_BEFORE = """
insert into load_day (date_id, discover_count, export_count)
select day, discover_count, export_count from load_day, unnest(cast(:before as date[])) as day where date_id = :day;
insert into fact_movie_daily (date_id, movie_id, popularity, vote_average, vote_count, source)
select day, movie_id, popularity, vote_average, vote_count, source
from fact_movie_daily, unnest(cast(:before as date[])) as day where date_id = :day;
insert into quality_measure (date_id, measure, subject, figure)
select day, measure, subject, figure
from quality_measure, unnest(cast(:before as date[])) as day where date_id = :day
"""
# A statement that breaks the day, and what its check then says, up to the advice.
BROKEN = {
    "film_count_is_usual": (
        "update load_day set discover_count = 60 where date_id = :day",
        r"60 films from discover, -50% against the median of 120 on 3 of the 14 days before\.",
    ),
    "columns_are_filled": (
        "update dim_movie set overview = null, runtime_minutes = nullif(runtime_minutes, case when movie_id % 5 = 0 "
        "then runtime_minutes end); "
        "update movie_history set runtime_minutes = null where movie_id % 5 = 0; "
        "delete from bridge_movie_language where movie_id % 3 = 0",
        r"The share of films without a value has risen: dim_movie\.overview 100% \(usual 0%\), "
        r"bridge_movie_language 33% \(usual 0%\), dim_movie\.runtime_minutes 20% \(usual 0%\)\.",
    ),
    "films_have_their_links": (
        "update quality_measure set figure = 1 where measure = 'without_share'; "
        "delete from bridge_movie_genre where movie_id % 2 = 0",
        r"Films of which the details came have none of these: genre 50%\.",
    ),
    "popularity_is_usual": (
        "update fact_movie_daily set popularity = popularity * 0.2 where date_id = :day",
        r"TMDb has changed the scale of popularity: the films have kept their order, and the figures are 0\.2 times "
        r"those of the loaded day before\. Values before and after cannot be compared, ranks and shares can\.",
    ),
    "votes_do_not_fall": (
        "update fact_movie_daily set vote_count = vote_count - 1 where date_id = :day and movie_id <= 9003",
        r"3 of 120 films have fewer votes than on the loaded day before\.",
    ),
    "export_has_the_films": (
        "delete from raw_export where movie_id <= 9010",
        r"10 of the 120 films that discover lists are not in the day's id export\.",
    ),
    "days_have_no_gap": (
        "delete from load_day where date_id = :day - 2",
        r"Of the 30 days before, not loaded: 2026-07-27\.",
    ),
    "films_are_distinct": (
        "update dim_movie set title = 'Twin', release_date = '2020-01-01' where movie_id <= 9003",
        r"3 of 120 films have title and release date of another film\.",
    ),
    "money_is_plausible": (
        "update dim_movie set budget_usd = 7, revenue_usd = 6e9 where movie_id <= 9010; "
        "update movie_history set budget_usd = 7, revenue_usd = 6e9 where movie_id <= 9010",
        r"20 of 240 budgets and revenues are below 1,000 US dollars, or above a billion \(revenues: five\)\.",
    ),
    "history_has_no_hole": (
        "set local session_replication_role = replica; "
        "update movie_history set valid_to = :day + 9 where movie_id <= 9002; "
        "delete from movie_history where movie_id = 9003; "
        "update movie_history set runtime_minutes = runtime_minutes + 1 where movie_id = 9004",
        r"2 films whose states overlap or have a hole between them; 1 films whose newest state is not what dim_movie "
        r"says; 1 films that have details and no state\.",
    ),
    "answers_keep_their_form": (
        "update raw_discover set payload = payload - 'original_title' || '{\"brand_new\": false}'; "
        "update dim_movie set status = 'Shelved' where movie_id = 9001; "
        "update movie_history set status = 'Shelved' where movie_id = 9001; "
        "insert into dim_country (iso_3166_1, name, as_of_date) values ('QQ', 'New', :day)",
        r"New keys: raw_discover\.brand_new; vanished keys: raw_discover\.original_title; new codes that TMDb's "
        r"lists lack: country QQ; new statuses: Shelved\.",
    ),
}
FILMS_SHOWN = {"votes_do_not_fall": 3, "export_has_the_films": 10, "films_are_distinct": 3, "money_is_plausible": 10}
FILMS_SHOWN |= {"history_has_no_hole": 2}


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
