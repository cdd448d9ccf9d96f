"""The past: days never requested are loaded from their id exports, and no history is invented."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from dagster import AssetKey

from tmdb_assets import partitions
from tmdb_assets.errors.problem import Retry
from tmdb_assets_tests.fakes.replay import GARBAGE, TRUNCATED
from tmdb_assets_tests.stage.many_days import MISSING, ONE_DAY, asked_exports, both, change_lists, export_of, exports
from tmdb_assets_tests.stage.past import CATALOGUE, DAY, IDS, backfill, days_from, past_platform
from tmdb_assets_tests.stage.platform import (
    evaluations_of,
    failed_checks,
    failures_of,
    metadata_of,
    platform,
)

FACTS = "select movie_id, popularity, vote_average, vote_count, source from fact_movie_daily where date_id = :day"


@pytest.fixture
def made(server, loaded_database, monkeypatch):
    with past_platform(server, loaded_database, monkeypatch) as ready:
        yield ready


def test_days_by_export_hold_popularity_without_votes(made):
    before = days_from(DAY - 3 * ONE_DAY, 3)
    figures = [dict.fromkeys(IDS, 1.5 + number) for number in range(3)]
    made.replay.faults = exports({day: export_of(figures[n] | {424_242: 9.0}) for n, day in enumerate(before)})
    outcomes = backfill(made, reversed(before))
    assert list(outcomes) == before  # oldest first
    assert all(outcome.ok and outcome.requests == 1 for outcome in outcomes.values())
    assert asked_exports(made.replay) == before
    for number, day in enumerate(before):
        known = [(film, 1.5 + number, None, None, "export") for film in IDS]
        assert sorted(made.rows(FACTS, day=day)) == known  # only the known films
    assert made.rows("select date_id, discover_count, export_count from load_day order by 1") == [
        *((day, 0, 30) for day in before),
        (DAY, 30, 0),
    ]
    # What does not depend on the day is checked with the last one.
    first, second, last = ({check.check_name for check in outcome.checks} for outcome in outcomes.values())
    assert first == second == last - {"latest_state_agrees"}
    assert {"contract", "every_discover_film_is_there"} < first < last
    # Older days change nothing in the latest state.
    latest = made.rows("select * from vw_movie_latest where snapshot_date <> :day or votes_date <> :day", day=DAY)
    assert latest == []


def test_the_latest_state_keeps_the_last_known_votes_with_their_date(made):
    after = days_from(DAY + ONE_DAY, 2)
    made.replay.faults = exports({day: export_of(dict.fromkeys(IDS[:25], 3.25)) for day in after})
    assert all(outcome.ok for outcome in backfill(made, after).values())
    query = "select movie_id, popularity, vote_average, vote_count, snapshot_date, votes_date from vw_movie_latest"
    latest = {row[0]: row[1:] for row in made.rows(query)}
    assert latest[IDS[0]] == (3.25, 6.5, 100, after[-1], DAY)
    assert latest[IDS[25]] == (CATALOGUE.films[IDS[25]]["popularity"], 6.5, 100, DAY, DAY)


def test_a_row_never_falls_back_from_discover_to_export(made):
    before = sorted(made.rows(FACTS, day=DAY))
    # As after 180 days: the raw rows are gone, the facts stay.
    made.execute("delete from raw_discover")
    made.execute("delete from raw_export")
    made.execute("delete from fetch_log")
    made.replay.faults = exports({DAY: export_of(dict.fromkeys([*IDS, 77], 0.5))})
    outcome = backfill(made, [DAY])[DAY]
    assert outcome.ok, outcome.problems
    assert asked_exports(made.replay) == [DAY]
    assert made.value("select count(*) from raw_export") == 30
    assert sorted(made.rows(FACTS, day=DAY)) == before


def test_discover_on_the_day_itself_replaces_its_export_rows(made):
    day = DAY + ONE_DAY
    made.run(day, today=day + ONE_DAY, charts=False)
    assert {row[4] for row in made.rows(FACTS, day=day)} == {"export"}
    made.replay.faults = change_lists({})
    assert failures_of(made.run(day, today=day, charts=False)) == []
    assert {row[4] for row in made.rows(FACTS, day=day)} == {"discover"}
    assert made.rows("select discover_count, export_count from load_day where date_id = :day", day=day) == [(30, 0)]


def test_days_that_cannot_be_loaded_are_named_and_the_others_load(made):
    days = days_from(DAY - 4 * ONE_DAY, 4)
    made.replay.faults = exports({days[1]: MISSING, days[2]: GARBAGE})
    outcomes = backfill(made, days)
    assert [outcomes[day].ok for day in days] == [True, False, False, True]
    assert made.column("select date_id from load_day order by 1") == [days[0], days[3], DAY]
    problems = [problem for day in days[1:3] for problem in outcomes[day].problems]
    gone, damaged = map(str, problems)
    for day, line in ((days[1], gone), (days[2], damaged)):
        assert line.startswith(f"{day} cannot be loaded: nothing was stored on that day, and its export is not avail")
        assert "\n" not in line
    assert "is no longer published (404)" in gone
    assert "is damaged" in damaged
    # What is kept is said once; to run again is advised only where it can help.
    assert [line.count("kept") for line in (gone, damaged)] == [1, 1]
    assert [line.count("un again") for line in (gone, damaged)] == [0, 1]
    assert [problem.retry for problem in problems] == [Retry.NEVER, Retry.LATER]
    # Published again, they are loaded.
    made.replay.faults = None
    made.replay.reset()
    assert all(outcome.ok for outcome in backfill(made, days).values())
    assert asked_exports(made.replay) == days[1:3]


@pytest.mark.parametrize("is_whole", [False, True], ids=["not requested", "requested by slices"])
def test_films_that_discover_does_not_show_are_counted_only_for_requested_days(made, is_whole):
    made.source.__dict__["settings"] = made.source.settings.model_copy(update={"tmdb_pages": "all"})
    day = DAY if is_whole else DAY - ONE_DAY
    if is_whole:
        made.execute("update fetch_log set is_whole_catalogue = true where kind = 'discover'")
    made.replay.faults = exports({day: export_of(dict.fromkeys([*IDS, 424_242], 1.0))})
    found = metadata_of(made.run(day, today=DAY + ONE_DAY, charts=False, refresh=True), "raw_export")
    assert found.get("films_discover_does_not_show") == (1 if is_whole else None)


@pytest.mark.parametrize("fault", [TRUNCATED, GARBAGE, export_of({})], ids=["truncated", "garbage", "empty"])
def test_a_damaged_export_is_refused_whole(made, fault):
    counts = made.counts()
    made.replay.faults = exports({DAY - ONE_DAY: fault})
    assert not backfill(made, [DAY - ONE_DAY])[DAY - ONE_DAY].ok
    assert made.counts() == counts
    assert len(asked_exports(made.replay)) > 1  # it was tried again


def test_a_damaged_export_leaves_the_stored_one(made):
    before = sorted(made.rows("select movie_id, popularity from raw_export"))
    assert len(before) == 30
    made.replay.faults = exports({DAY: TRUNCATED})
    result = made.run(DAY, today=DAY + ONE_DAY, charts=False, refresh=True)
    assert failures_of(result) == []
    assert failed_checks(result) == [
        "fact_movie_daily.today_is_there",
        "raw_export.export_stored",
    ]
    assert sorted(made.rows("select movie_id, popularity from raw_export")) == before


@pytest.mark.parametrize(
    ("age", "hour", "text"),
    [
        (0, 6, "is not published yet (404): TMDb publishes it by 2026-08-05 08:00 UTC"),
        (0, 9, "is late (404)"),
        (1, 6, "is late (404)"),
        (2, 6, "is no longer published (404): TMDb keeps exports for about 3 months."),
        (100, 6, "is no longer published (404): TMDb keeps exports for about 3 months."),
    ],
)
def test_not_yet_published_and_no_longer_published_are_different_errors(made, monkeypatch, age, hour, text):
    today = dt.date(2026, 8, 5)
    day = today - age * ONE_DAY
    monkeypatch.setattr(partitions, "now", lambda: dt.datetime.combine(today, dt.time(hour), dt.UTC))
    made.replay.faults = both(exports({}, otherwise=MISSING), change_lists({}))
    result = made.run(day, today=today, charts=False)
    if age:
        (found,) = failures_of(result)
    else:  # today is loaded all the same
        assert failures_of(result) == []
        found = evaluations_of(result)["raw_export.export_stored"].description
        assert made.value("select discover_count from load_day where date_id = :day", day=day) == 30
    assert f"The id export of {day} {text}" in found
    assert "\n" not in found


def test_each_day_is_a_partition_with_its_checks(made):
    # The copy holds what DAY's load left in the warehouse, but no run of it.
    loaded = made.run(DAY, today=partitions.today(), only=("raw_export", "fact_movie_daily"))
    assert failures_of(loaded) == []
    days = days_from(DAY - 3 * ONE_DAY, 3)
    outcomes = backfill(made, days)
    keys = {day.isoformat() for day in days}
    for name in ("raw_export", "fact_movie_daily"):
        assert made.instance.get_materialized_partitions(AssetKey(name)) == keys | {DAY.isoformat()}
    for outcome in outcomes.values():
        passed = {f"{check.asset_key.to_user_string()}.{check.check_name}" for check in outcome.checks if check.passed}
        assert passed >= {
            "raw_export.contract",
            "raw_export.export_stored",
            "fact_movie_daily.contract",
            "fact_movie_daily.every_discover_film_is_there",
        }


def test_a_day_that_was_partly_fetched_is_completed_by_its_export(made, monkeypatch):
    day = DAY + ONE_DAY

    def page_two_fails(path, params):
        return GARBAGE if path == "/discover/movie" and params["page"] == "2" else None

    made.replay.faults = both(page_two_fails, exports({day: MISSING}), change_lists({}))
    made.run(day, today=day, charts=False)
    assert {row[4] for row in made.rows(FACTS, day=day)} == {"discover"}
    assert len(made.rows(FACTS, day=day)) == 20
    monkeypatch.setattr(partitions, "today", lambda: day + 3 * ONE_DAY)
    made.replay.faults = exports({day: export_of(dict.fromkeys(IDS, 0.5))})
    made.replay.reset()
    outcome = backfill(made, [day])[day]
    assert outcome.ok, outcome.problems
    assert made.replay.requests == {"export": 1}
    facts = {row[0]: row[1:] for row in made.rows(FACTS, day=day)}
    shown = {item["id"] for item in CATALOGUE.page(1)["results"]}
    assert {film: facts[film] for film in shown} == {
        film: (CATALOGUE.films[film]["popularity"], 6.5, 100, "discover") for film in shown
    }
    assert {film: facts[film] for film in facts if film not in shown} == dict.fromkeys(
        set(IDS) - shown, (0.5, None, None, "export")
    )


def test_without_a_known_film_there_is_no_history(warehouse, monkeypatch):
    """A day of no films would count as loaded, and never be filled."""
    with platform(warehouse, CATALOGUE, monkeypatch) as empty:
        monkeypatch.setattr(partitions, "today", lambda: DAY)
        outcome = backfill(empty, [DAY - ONE_DAY])[DAY - ONE_DAY]
        assert not outcome.ok
        assert "no film is known" in outcome.problems[0].what
        assert empty.value("select count(*) from load_day") == 0
        empty.run(DAY, charts=False)
        assert backfill(empty, [DAY - ONE_DAY])[DAY - ONE_DAY].ok
        assert len(empty.rows(FACTS, day=DAY - ONE_DAY)) == 30


def test_the_metadata_counts_the_lines_of_the_export(made):
    made.replay.faults = exports({DAY - ONE_DAY: export_of(dict.fromkeys([*IDS, 5, 0], 1.0))})
    figures = partial(metadata_of, made.run(DAY - ONE_DAY, today=DAY, charts=False))
    found = figures("raw_export")
    assert (found["export_lines"], found["export_lines_skipped"], found["dagster/partition_row_count"]) == (32, 1, 30)
