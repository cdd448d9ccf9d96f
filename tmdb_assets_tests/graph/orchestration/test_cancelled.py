"""A day that a person cancelled is started by nobody else: not by the gap filler, and not by the schedule."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import AssetKey, DagsterRunStatus, ScheduleEvaluationContext, build_schedule_context
from dagster._core.execution.backfill import BulkActionStatus

from tmdb_assets import partitions
from tmdb_assets.definitions import build_definitions
from tmdb_assets_tests.stage.gap_ticks import HOUR, days_of, note_backfill, note_loaded, note_run, tick
from tmdb_assets_tests.stage.many_days import ONE_DAY

DAY = dt.date(2026, 7, 29)


def test_a_cancelled_day_waits_until_a_person_runs_it(days, monkeypatch):
    first = DAY - 3 * ONE_DAY
    note_loaded(days, first - ONE_DAY)
    keys = {request.partition_key: request.run_key for request in tick(days, monkeypatch, DAY)[0]}
    # Cancelled: a run from the UI's queue, one by hand after a failure, and the gap filler's own.
    note_run(days, first, DagsterRunStatus.CANCELED)
    note_run(days, first + ONE_DAY, DagsterRunStatus.FAILURE, keys[str(first + ONE_DAY)])
    note_run(days, first + ONE_DAY, DagsterRunStatus.CANCELED)
    note_run(days, first + 2 * ONE_DAY, DagsterRunStatus.CANCELED, keys[str(first + 2 * ONE_DAY)])
    assert tick(days, monkeypatch, DAY, 500 * HOUR) == (
        [],
        f"Not loaded, 3 days from {first} to {DAY - ONE_DAY}: their newest runs were cancelled, so a person "
        f"decides when to run again (tmdb-assets backfill --from {first} --to {DAY - ONE_DAY}).",
    )
    # A person ran it, and it failed: from now on it is repeated like any other.
    note_run(days, first, DagsterRunStatus.FAILURE)
    assert days_of(tick(days, monkeypatch, DAY, HOUR)[0]) == [first]


def test_a_day_that_lacks_its_export_waits_too_if_its_run_was_cancelled(days, monkeypatch):
    note_loaded(days, DAY - ONE_DAY, export=False)
    note_run(days, DAY - ONE_DAY, DagsterRunStatus.CANCELED)
    requests, reason = tick(days, monkeypatch, DAY)
    assert (requests, f"--from {DAY - ONE_DAY} --to {DAY - ONE_DAY})" in reason) == ([], True)


@pytest.mark.parametrize("status", [BulkActionStatus.CANCELING, BulkActionStatus.CANCELED])
def test_the_days_that_a_cancelled_backfill_did_not_begin_wait_too(days, monkeypatch, status):
    note_loaded(days, DAY - 4 * ONE_DAY)
    note_run(days, DAY - 3 * ONE_DAY, DagsterRunStatus.FAILURE)  # its run of the backfill, say
    note_backfill(days, [DAY - 3 * ONE_DAY, DAY - 2 * ONE_DAY], status)
    assert days_of(tick(days, monkeypatch, DAY, 500 * HOUR)[0]) == [DAY - ONE_DAY]
    if status is BulkActionStatus.CANCELED:  # run by a person after that
        note_run(days, DAY - 2 * ONE_DAY, DagsterRunStatus.FAILURE)
        assert days_of(tick(days, monkeypatch, DAY, 500 * HOUR)[0]) == [DAY - 2 * ONE_DAY, DAY - ONE_DAY]


def test_a_backfill_that_was_not_cancelled_holds_up_no_day(days, monkeypatch):
    note_loaded(days, DAY - 2 * ONE_DAY)
    note_backfill(days, [DAY - ONE_DAY], BulkActionStatus.COMPLETED_FAILED)
    assert days_of(tick(days, monkeypatch, DAY)[0]) == [DAY - ONE_DAY]


def test_a_day_that_is_loaded_does_not_wait_because_its_backfill_was_cancelled_later(days, monkeypatch):
    day = DAY - ONE_DAY
    note_loaded(days, day, export=False)
    note_run(days, day, DagsterRunStatus.SUCCESS)
    note_backfill(days, [day])
    assert days_of(tick(days, monkeypatch, DAY)[0]) == [day]


def test_runs_and_backfills_of_other_assets_and_projects_hold_up_no_day(days, monkeypatch):
    first = DAY - 2 * ONE_DAY
    note_loaded(days, first - ONE_DAY)
    note_backfill(days, ["north", "south"])
    note_backfill(days, [first], asset="their_asset")
    note_run(days, first, DagsterRunStatus.CANCELED, job="their_job")
    note_run(days, first, DagsterRunStatus.CANCELED, job="__ASSET_JOB", assets={AssetKey("their_asset")})
    note_run(days, first, DagsterRunStatus.CANCELED, job="daily", assets={AssetKey("dashboard")})
    assert days_of(tick(days, monkeypatch, DAY)[0]) == [first, DAY - ONE_DAY]
    # Those of the day's facts do, whatever job they belong to.
    note_run(days, first, DagsterRunStatus.CANCELED, job="__ASSET_JOB", assets={AssetKey("fact_movie_daily")})
    note_backfill(days, [DAY - ONE_DAY], asset="fact_movie_daily")
    assert tick(days, monkeypatch, DAY)[0] == []


def test_the_schedule_does_not_run_a_cancelled_day(days, monkeypatch):
    repository = build_definitions().get_repository_def()
    at = dt.datetime.combine(DAY, dt.time(9), dt.UTC)
    monkeypatch.setattr(partitions, "today", lambda: DAY)  # a late tick looks into the warehouse
    context = build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    # The instance of the test is in memory: no reference to it can be passed on.
    monkeypatch.setattr(ScheduleEvaluationContext, "instance_ref", "in memory")
    monkeypatch.setattr(ScheduleEvaluationContext, "instance", days.instance)
    schedule = repository.get_schedule_def("daily_schedule")
    assert days_of(schedule.evaluate_tick(context).run_requests) == [DAY]
    # Only part of the day was cancelled.
    note_run(days, DAY, DagsterRunStatus.CANCELED, assets={AssetKey("raw_export"), AssetKey("fact_movie_daily")})
    note_backfill(days, [DAY], asset="fact_movie_daily")
    assert days_of(schedule.evaluate_tick(context).run_requests) == [DAY]
    note_run(days, DAY, DagsterRunStatus.CANCELED)
    outcome = schedule.evaluate_tick(context)
    assert (outcome.run_requests, outcome.skip_message) == (
        [],
        f"The newest run of {DAY} was cancelled, so a person decides when to run it again.",
    )
