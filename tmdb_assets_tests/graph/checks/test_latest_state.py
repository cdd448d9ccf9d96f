"""The check that compares the latest state with the fact: states in which it passes, and each kind of fault."""

from __future__ import annotations

import pytest
from dagster import AssetSelection, Definitions, asset, define_asset_job, in_process_executor

from tmdb_assets.checks import latest_state
from tmdb_assets.checks.latest_state import latest_state_agrees
from tmdb_assets.checks.star import CHECKS
from tmdb_assets.partitions import daily_partitions
from tmdb_assets.settings import Settings
from tmdb_assets_tests.cases.small_star import AFTER, DAY, SECOND_DAY, load_day, make_star
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import QUIET, evaluations_of

SETTINGS = Settings.load()
STUB = asset(name="fact_movie_daily", partitions_def=daily_partitions(SETTINGS.tmdb_first_day))(lambda: None)


@pytest.fixture
def tables(warehouse):
    return make_star(warehouse)


def evaluate(tables):
    job = define_asset_job("checks", AssetSelection.all(), executor_def=in_process_executor)
    checks = [latest_state_agrees(SETTINGS)]
    made = Definitions(
        assets=[STUB], asset_checks=checks, jobs=[job], resources={"warehouse": tables.warehouse}
    ).resolve_job_def("checks")
    with memory_instance() as instance:
        result = made.execute_in_process(
            partition_key=DAY.isoformat(), instance=instance, run_config=QUIET, raise_on_error=False
        )
    (evaluation,) = evaluations_of(result).values()
    return evaluation


def metadata_value(evaluation, name):
    value = evaluation.metadata[name]
    return [next(iter(record.data.values())) for record in value.records] if hasattr(value, "records") else value.value


def wrong_films(evaluation):
    groups = ("of_the_newest_day", "sampled_of_older_days")
    return tuple(metadata_value(evaluation, f"wrong_films_{group}") for group in groups)


def test_it_is_one_of_the_checks():
    assert latest_state_agrees in CHECKS


def test_it_passes_after_loads_and_says_so(tables):
    evaluation = evaluate(tables)
    assert evaluation.passed
    assert evaluation.description == f"The latest state agrees with the fact as of {DAY}."
    assert metadata_value(evaluation, "newest_day") == str(DAY)
    assert wrong_films(evaluation) == (0, 0)
    assert (metadata_value(evaluation, "movie_ids"), metadata_value(evaluation, "wrong_totals")) == ([], [])


def test_it_passes_before_the_first_day(warehouse):
    evaluation = evaluate(Tables(warehouse))
    assert (evaluation.passed, evaluation.description) == (
        True,
        "The latest state agrees with the fact as of no day yet.",
    )


def test_it_passes_during_a_change_that_is_not_committed(tables):
    with tables.warehouse.begin() as changing:
        changing.exec_driver_sql("delete from bridge_movie_country")
        assert evaluate(tables).passed


def test_it_passes_where_popularity_is_newer_than_votes(tables):
    load_day(tables.warehouse, AFTER, {1: (3.0, None, None), 5: (2.0, None, None)})
    assert tables.rows("select votes_date from movie_latest where movie_id = 1") == [(DAY,)]
    assert evaluate(tables).passed


def test_each_day_another_sample_of_the_older_films_is_read(tables, monkeypatch):
    monkeypatch.setattr(latest_state, "SAMPLED_FILMS", 20)
    films = "from generate_series(100, 160) as film"  # without facts, so that each one read is reported
    tables.execute(f"insert into dim_movie (movie_id, title, as_of_date) select film, 'x', '2026-06-01' {films}")
    tables.execute(
        f"insert into movie_latest (movie_id, popularity, snapshot_date) select film, 1, '2026-06-01' {films}"
    )
    read = []
    for newest in (DAY, AFTER):
        if newest == AFTER:
            load_day(tables.warehouse, AFTER, {1: (9.0, 5.0, 1)})
        read.append({film for film in metadata_value(evaluate(tables), "movie_ids") if int(film) >= 100})
    assert 15 < len(read[0]) <= 20
    assert len(read[0] & read[1]) < 12


# A fault -> the films reported, and how many of the newest day and of older ones; film 5 is on the day before only.
FAULTS = {
    "update movie_latest set popularity = 5 where movie_id = 2": (["2"], (1, 0)),
    "update movie_latest set vote_count = 5 where movie_id = 2": (["2"], (1, 0)),
    "update movie_latest set vote_average = null where movie_id = 2": (["2"], (1, 0)),
    "update movie_latest set snapshot_date = '2026-07-01' where movie_id = 2": (["2"], (1, 1)),
    "delete from movie_latest where movie_id in (1, 3)": (["1", "3"], (2, 0)),
    "update movie_latest set snapshot_date = '2026-07-03' where movie_id = 5": (["5"], (1, 1)),
    "update movie_latest set popularity = 7 where movie_id = 5": (["5"], (0, 1)),
    "update movie_latest set vote_count = 7 where movie_id = 5": (["5"], (0, 1)),
    "update movie_latest set snapshot_date = '2026-06-30' where movie_id = 5": (["5"], (0, 1)),
    "delete from fact_movie_daily where movie_id = 5": (["5"], (0, 1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_films_whose_latest_state_differs_from_the_fact(fault, tables):
    tables.execute(fault)
    tables.execute("select renew_totals()")  # so that the totals agree with the faulty state
    evaluation = evaluate(tables)
    assert (evaluation.passed, evaluation.severity.value) == (False, "ERROR")
    assert (metadata_value(evaluation, "movie_ids"), wrong_films(evaluation)) == FAULTS[fault]
    assert metadata_value(evaluation, "wrong_totals") == []


TOTALS = {
    "update popularity_total set avg_popularity = avg_popularity + 0.001 where code = '18'": ["genre 18"],
    "update popularity_total set n_movies = 9 where code = 'Europe'": ["continent Europe"],
    "delete from popularity_total where code = '35'": ["genre 35"],
    "insert into popularity_total values ('genre', '99', 1, 1, 1, 1, 1, 1, 1)": ["genre 99"],
    "update top_movie set movie_id = 5 where rank = 2": ["rank 2"],
    "update load_day set export_count = 3 where date_id = '2026-07-02'": ["load_day 7 for 4"],
    "update dim_movie set removed_date = '2026-07-02' where movie_id = 3": [
        "continent Europe",
        "continent North America",
        "genre 18",
        "genre 35",
        "rank 1",
        "rank 2",
        "rank 3",
    ],
    "delete from bridge_movie_genre where movie_id = 3": ["genre 35"],
}


@pytest.mark.parametrize("fault", TOTALS)
def test_totals_that_differ_from_a_fresh_count(fault, tables):
    tables.execute(fault)
    evaluation = evaluate(tables)
    assert not evaluation.passed
    assert (wrong_films(evaluation), metadata_value(evaluation, "wrong_totals")) == ((0, 0), TOTALS[fault])


def test_its_advice_fixes_the_state(tables):
    tables.execute("update movie_latest set popularity = 5, snapshot_date = '2026-07-03' where movie_id = 2")
    assert evaluate(tables).description == (
        "1 films of the newest day and 5 totals (continent Europe, continent North America, genre 18, genre 35, "
        "rank 3) differ from the fact as of 2026-07-02. The fact is right; the views show the wrong state. Delete the "
        "rows of these films from "
        "movie_latest, then materialize fact_movie_daily of each day they were on, 2026-07-02 last: each load updates "
        "the state of its films and the totals."
    )
    tables.execute("delete from movie_latest where movie_id = 2")
    load_day(tables.warehouse, DAY, SECOND_DAY)
    assert evaluate(tables).passed


def test_its_advice_fixes_the_totals(tables):
    tables.execute("delete from popularity_total")
    tables.execute("delete from top_movie where rank = 2")
    description = evaluate(tables).description
    assert description.endswith("Materialize fact_movie_daily of the newest day: its load counts the totals again.")
    load_day(tables.warehouse, DAY, SECOND_DAY)  # the same facts as before
    assert evaluate(tables).passed
