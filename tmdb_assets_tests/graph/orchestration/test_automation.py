"""The gap filler and the schedule: which days they request, and the outcome of a tick that fires after midnight."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_schedule_context

from tmdb_assets.instance.tags import AUTO_RETRY_RUN_ID_TAG, WILL_RETRY_TAG
from tmdb_assets.orchestration import gaps
from tmdb_assets.orchestration.gaps import EXPORT_KEPT_DAYS
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.errors import UnreachableError
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import state_of
from tmdb_assets_tests.stage.gap_ticks import HOUR, days_of, note_loaded, note_run, run_requests, tick
from tmdb_assets_tests.stage.many_days import ONE_DAY, export_path
from tmdb_assets_tests.stage.platform import (
    checks_of,
    evaluations_of,
    failed_checks,
    failures_of,
)

DAY = dt.date(2026, 7, 29)
FILMS = 20
CATALOGUE = catalogue(sound_films(FILMS))
FACTS = "select date_id, source, count(*), count(vote_count) from fact_movie_daily group by 1, 2 order by 1, 2"


def test_nothing_is_requested_before_the_first_load_or_when_no_day_is_missing(days, monkeypatch):
    assert tick(days, monkeypatch, DAY) == ([], "No day is missing.")
    note_loaded(days, DAY - 2 * ONE_DAY, DAY - ONE_DAY)
    assert tick(days, monkeypatch, DAY) == ([], "No day is missing.")  # today is the schedule's
    note_loaded(days, DAY)
    assert tick(days, monkeypatch, DAY) == ([], "No day is missing.")


def test_each_missing_day_is_requested_once_oldest_first(days, monkeypatch):
    first = DAY - 9 * ONE_DAY
    note_loaded(days, first, first + 3 * ONE_DAY, DAY)
    missing = [first + n * ONE_DAY for n in (1, 2, 4, 5, 6, 7, 8)]
    requests, skipped = tick(days, monkeypatch, DAY)
    assert (days_of(requests), skipped) == (missing, None)
    # Dagster launches a run key once: a day keeps its key, and no two days share one.
    keys = [request.run_key for request in requests]
    assert len(set(keys)) == len(missing)
    again, _ = tick(days, monkeypatch, DAY)
    assert [request.run_key for request in again] == keys
    note_loaded(days, *missing[:6])
    requests, _ = tick(days, monkeypatch, DAY + ONE_DAY)
    assert [request.run_key for request in requests] == keys[6:]


def test_no_day_is_requested_whose_export_is_no_longer_published(days, monkeypatch):
    note_loaded(days, DAY - 200 * ONE_DAY, DAY - ONE_DAY)
    found = days_of(tick(days, monkeypatch, DAY)[0])
    assert found == [DAY - back * ONE_DAY for back in range(EXPORT_KEPT_DAYS, 1, -1)]


def test_no_day_is_requested_before_the_first_partition(days, monkeypatch):
    """TMDB_FIRST_DAY was moved past a loaded day: the days before it have no partition."""
    first = days.warehouse.settings.tmdb_first_day
    note_loaded(days, first - 5 * ONE_DAY, first + 2 * ONE_DAY)
    requests, _ = tick(days, monkeypatch, first + 3 * ONE_DAY)
    assert days_of(requests) == [first, first + ONE_DAY]


def test_a_past_day_that_lacks_its_export_is_requested(days, monkeypatch):
    """It was loaded before its export was published, or its export could not be loaded."""
    note_loaded(days, DAY - 2 * ONE_DAY)
    note_loaded(days, DAY - ONE_DAY, DAY, export=False)
    (request,), _ = tick(days, monkeypatch, DAY)
    assert (request.run_key, request.partition_key) == (f"export-{DAY - ONE_DAY}", str(DAY - ONE_DAY))
    assert {key.to_user_string() for key in request.asset_selection} == {"raw_export", "fact_movie_daily"}
    assert request.run_config == {"ops": {"raw_export": {"config": {"refresh": True}}}}


def test_a_day_whose_run_failed_is_requested_again_after_growing_waits(days, monkeypatch):
    note_loaded(days, DAY - 2 * ONE_DAY)
    missing = DAY - ONE_DAY
    keys = []
    for wait in (1, 4, 24, 24):
        (request,), _ = tick(days, monkeypatch, DAY, 100 * HOUR)
        keys.append(request.run_key)
        note_run(days, missing, DagsterRunStatus.FAILURE, request.run_key)
        requests, reason = tick(days, monkeypatch, DAY, (wait - 0.1) * HOUR)
        assert requests == []
        assert reason.startswith(f"Missing, {missing}: a run is in progress, or failed")
        assert days_of(tick(days, monkeypatch, DAY, wait * HOUR)[0]) == [missing]
    assert len(set(keys)) == 4  # Dagster launches only one run per key, even if it fails
    assert keys[0] == f"gap-{missing}"
    # Two ticks after the same runs request the same run.
    assert (
        tick(days, monkeypatch, DAY, 99 * HOUR)[0][0].run_key == tick(days, monkeypatch, DAY, 98 * HOUR)[0][0].run_key
    )


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
@pytest.mark.parametrize("key", ["gap", None], ids=["own", "by hand"])
def test_a_day_with_a_run_in_progress_is_not_requested(days, monkeypatch, status, key):
    note_loaded(days, DAY - 3 * ONE_DAY)
    note_run(days, DAY - 2 * ONE_DAY, status, key)
    assert days_of(tick(days, monkeypatch, DAY, 50 * HOUR)[0]) == [DAY - ONE_DAY]


def test_a_day_that_dagster_is_about_to_retry_is_not_requested(days, monkeypatch):
    """A run whose process died is retried by Dagster itself: a second run would do the same at once."""
    note_loaded(days, DAY - 6 * ONE_DAY)
    note_run(days, DAY - 5 * ONE_DAY, DagsterRunStatus.FAILURE, **{WILL_RETRY_TAG: "true"})
    # These are not about to be retried: no retry was promised, it was begun and is over, or the run succeeded.
    note_run(days, DAY - 4 * ONE_DAY, DagsterRunStatus.FAILURE, **{WILL_RETRY_TAG: "false"})
    retried = {WILL_RETRY_TAG: "true", AUTO_RETRY_RUN_ID_TAG: "another"}
    note_run(days, DAY - 3 * ONE_DAY, DagsterRunStatus.FAILURE, **retried)
    note_run(days, DAY - 2 * ONE_DAY, DagsterRunStatus.SUCCESS, **{WILL_RETRY_TAG: "true"})
    others = [DAY - n * ONE_DAY for n in (4, 3, 2, 1)]
    assert days_of(tick(days, monkeypatch, DAY, 0.9 * HOUR)[0]) == others
    # Within an hour the daemon has retried it, or it never will.
    assert days_of(tick(days, monkeypatch, DAY, 1.1 * HOUR)[0]) == [DAY - 5 * ONE_DAY, *others]


def test_a_run_by_a_person_that_failed_does_not_delay_the_next(days, monkeypatch):
    note_loaded(days, DAY - 2 * ONE_DAY)
    note_run(days, DAY - ONE_DAY, DagsterRunStatus.FAILURE)
    (request,) = tick(days, monkeypatch, DAY)[0]
    assert request.run_key == f"gap-{DAY - ONE_DAY}"


def test_a_run_that_was_created_but_not_launched_keeps_its_key(days, monkeypatch):
    """The daemon died during the tick: when the same key is requested, Dagster launches the existing run."""
    note_loaded(days, DAY - 2 * ONE_DAY)
    (request,), _ = tick(days, monkeypatch, DAY)
    note_run(days, DAY - ONE_DAY, DagsterRunStatus.NOT_STARTED, request.run_key)
    assert [again.run_key for again in tick(days, monkeypatch, DAY)[0]] == [request.run_key]


def test_days_that_stay_empty_do_not_fill_the_list_of_runs(days, monkeypatch):
    monkeypatch.setattr(gaps, "MOST_RUNS_A_DAY", 5)
    note_loaded(days, DAY - 5 * ONE_DAY)
    missing = [DAY - n * ONE_DAY for n in (4, 3, 2, 1)]
    for request in tick(days, monkeypatch, DAY)[0]:
        note_run(days, request.partition_key, DagsterRunStatus.FAILURE, request.run_key)
    assert days_of(tick(days, monkeypatch, DAY, 2 * HOUR)[0]) == missing[:1]
    assert days_of(tick(days, monkeypatch, DAY, 25 * HOUR)[0]) == missing


def test_without_a_missing_day_no_run_is_looked_up(days, monkeypatch):
    note_loaded(days, DAY - ONE_DAY)
    monkeypatch.setattr(DagsterInstance, "get_run_records", lambda *_, **__: pytest.fail("runs were looked up"))
    assert tick(days, monkeypatch, DAY) == ([], "No day is missing.")


def test_days_that_failed_by_the_network_are_loaded_later_oldest_first(loaded, monkeypatch):
    def down(day, *_):
        raise UnreachableError("The network is down")

    today, missing = DAY + 3 * ONE_DAY, [DAY + ONE_DAY, DAY + 2 * ONE_DAY]
    up, loaded.source.export = loaded.source.export, down
    assert [result.success for result in run_requests(loaded, monkeypatch, today).values()] == [False, False]
    loaded.source.export = up
    assert run_requests(loaded, monkeypatch, today, 0.9 * HOUR) == {}
    results = run_requests(loaded, monkeypatch, today, 1.1 * HOUR)
    assert list(results) == missing
    assert [result.success for result in results.values()] == [True, True]
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS, FILMS), *((day, "export", FILMS, 0) for day in missing)]
    assert tick(loaded, monkeypatch, today, 99 * HOUR) == ([], "No day is missing.")


def gone(day, *_):
    raise ExportGoneError(f"The id export of {day} is no longer published (404)")


@pytest.mark.parametrize("is_loaded", [False, True], ids=["without facts", "from discover only"])
def test_a_day_whose_export_is_gone_is_no_longer_requested(loaded, monkeypatch, is_loaded):
    if is_loaded:
        loaded.execute("delete from fetch_log where kind = 'export'")
    day = DAY if is_loaded else DAY + ONE_DAY
    today = day + ONE_DAY
    loaded.source.export = gone
    monkeypatch.setattr(loaded.warehouse, "settings", loaded.source.settings)  # the runs use the replay server
    assert list(run_requests(loaded, monkeypatch, today)) == [day]
    # One such answer may be a fault of the file store; two, hours apart, are believed.
    assert list(run_requests(loaded, monkeypatch, today, 2 * HOUR)) == [day]
    assert run_requests(loaded, monkeypatch, today, 500 * HOUR) == {}
    # Another address may still have it.
    elsewhere = Settings.load(tmdb_export_url="https://elsewhere.example/exports")
    monkeypatch.setattr(loaded.warehouse, "settings", elsewhere)
    assert days_of(tick(loaded, monkeypatch, today, 500 * HOUR)[0]) == [day]


def test_films_that_became_known_later_are_added_weekly(loaded, monkeypatch):
    day = DAY + ONE_DAY
    assert list(run_requests(loaded, monkeypatch, day + ONE_DAY)) == [day]
    note_loaded(loaded, *(day + n * ONE_DAY for n in range(1, 7)))
    loaded.execute("update fetch_log set known_film_count = known_film_count - 5 where kind = 'export'")
    waits = f"Films became known since {day} was loaded, and are added within a week."
    assert tick(loaded, monkeypatch, day + 6 * ONE_DAY, 144 * HOUR) == ([], waits)
    # DAY has its own discover pages; a day that was requested just now is not requested again.
    assert tick(loaded, monkeypatch, day + 7 * ONE_DAY, 2 * HOUR) == ([], waits)
    (request,) = tick(loaded, monkeypatch, day + 7 * ONE_DAY, 168 * HOUR)[0]
    assert request.run_key.startswith(f"films-{day} after ")
    assert {key.to_user_string() for key in request.asset_selection} == {"raw_export", "fact_movie_daily"}
    (result,) = run_requests(loaded, monkeypatch, day + 7 * ONE_DAY, 168 * HOUR).values()
    assert (failures_of(result), loaded.replay.paths) == ([], 2 * [export_path(day)])
    # While its export is still published, a day with its own discover pages gets them too; missing days come first.
    days = days_of(tick(loaded, monkeypatch, DAY + 77 * ONE_DAY, 999 * HOUR)[0])
    assert days == [*(day + n * ONE_DAY for n in range(7, 76)), DAY]
    assert DAY not in days_of(tick(loaded, monkeypatch, DAY + 70 * ONE_DAY, 999 * HOUR)[0])


def test_days_that_lack_films_are_spread_over_the_week(loaded, monkeypatch):
    first = DAY + ONE_DAY
    days = [first + n * ONE_DAY for n in range(EXPORT_KEPT_DAYS + 6)]
    note_loaded(loaded, *days)
    loaded.execute("update fetch_log set known_film_count = 1 where kind = 'export'")
    found = [days_of(tick(loaded, monkeypatch, first + (EXPORT_KEPT_DAYS + n) * ONE_DAY)[0]) for n in range(7)]
    assert {len(requested) for requested in found} <= {12, 13}
    assert {day for requested in found for day in requested} >= set(days[6:-7])


def test_days_missed_while_the_machine_was_off_are_loaded_from_their_exports(loaded, monkeypatch):
    today = DAY + 3 * ONE_DAY
    results = run_requests(loaded, monkeypatch, today)
    assert list(results) == [DAY + ONE_DAY, DAY + 2 * ONE_DAY]
    for result in results.values():
        assert failures_of(result) == []
    assert loaded.replay.paths == [export_path(day) for day in results]
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS, FILMS), *((day, "export", FILMS, 0) for day in results)]
    assert tick(loaded, monkeypatch, today) == ([], "No day is missing.")


def test_a_day_loaded_before_its_export_was_there_gets_it(loaded, monkeypatch):
    loaded.execute("delete from fetch_log where kind = 'export'")
    loaded.execute("delete from raw_export")
    outside = min(CATALOGUE.films)
    loaded.execute("delete from raw_discover where movie_id = :film", film=outside)
    loaded.execute("delete from fact_movie_daily where movie_id = :film", film=outside)
    today = DAY + ONE_DAY
    check = evaluations_of(loaded.run(DAY, today=today, job="backfill"))["raw_export.export_stored"]
    assert not check.passed
    assert f"tmdb-assets backfill --from {DAY} --to {DAY} --refresh" in check.description
    assert (loaded.replay.paths, loaded.value("select count(*) from fact_movie_daily")) == ([], FILMS - 1)

    (result,) = run_requests(loaded, monkeypatch, today).values()
    assert (failures_of(result), loaded.replay.paths) == ([], [export_path(DAY)])
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS - 1, FILMS - 1), (DAY, "export", 1, 0)]
    assert checks_of(result)["raw_export.export_stored"]
    assert tick(loaded, monkeypatch, today) == ([], "No day is missing.")


def test_a_day_that_cannot_be_loaded_changes_nothing(loaded, monkeypatch):
    loaded.source.export = gone
    before = state_of(loaded), loaded.counts()
    (result,) = run_requests(loaded, monkeypatch, DAY + 2 * ONE_DAY).values()
    assert not result.success
    assert f"{DAY + ONE_DAY} cannot be loaded" in failures_of(result)[0]
    assert (state_of(loaded), loaded.counts()) == before


def test_a_schedule_tick_that_fires_after_midnight_loads_its_day_from_the_export(loaded):
    day = DAY + ONE_DAY
    at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    repository = loaded.definitions.get_repository_def()
    context = build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    (request,) = loaded.definitions.resolve_schedule_def("daily_schedule").evaluate_tick(context).run_requests
    assert request.partition_key == day.isoformat()
    result = loaded.run(day, today=day + ONE_DAY, charts=False)
    assert failures_of(result) == []
    assert loaded.replay.paths == [export_path(day)]
    assert loaded.rows(FACTS) == [(DAY, "discover", FILMS, FILMS), (day, "export", FILMS, 0)]
    latest = loaded.rows("select distinct snapshot_date, votes_date, vote_count from vw_movie_latest")
    assert latest == [(day, DAY, 100)]
    assert failed_checks(result) == ["fact_movie_daily.today_is_there"]
