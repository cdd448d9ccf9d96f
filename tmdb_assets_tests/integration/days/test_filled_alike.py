"""A past day ends the same, in its rows and in Dagster's partitions, whoever fills it."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import DagsterEventType, build_schedule_context

from tmdb_assets import partitions
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.cli.in_process import run_day
from tmdb_assets.orchestration.past_days import FROM_EXPORT
from tmdb_assets_tests.oracle.compare import state_of
from tmdb_assets_tests.stage.gap_ticks import run_requests
from tmdb_assets_tests.stage.many_days import ONE_DAY, change_lists
from tmdb_assets_tests.stage.past import CATALOGUE, DAY, backfill, past_platform  # noqa: F401 - `loaded_database`
from tmdb_assets_tests.stage.platform import QUIET

TODAY = DAY + 3 * ONE_DAY
NEXT, AFTER = DAY + ONE_DAY, DAY + 2 * ONE_DAY


def run(made, monkeypatch, day):
    run_day(OpenPlatform(made.instance, made.definitions, made.source, made.warehouse), day)


def ticked_too_late(made, monkeypatch, day):
    at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    context = build_schedule_context(scheduled_execution_time=at, repository_def=made.definitions.get_repository_def())
    (request,) = made.definitions.resolve_schedule_def("daily_schedule").evaluate_tick(context).run_requests
    made.definitions.resolve_job_def("daily").execute_in_process(
        partition_key=request.partition_key,
        instance=made.instance,
        run_config=QUIET,
        asset_selection=request.asset_selection,
        raise_on_error=False,
    )


WAYS = {
    "run --date": run,
    "backfill": lambda made, monkeypatch, day: backfill(made, [day]),
    "the gap filler": lambda made, monkeypatch, day: run_requests(made, monkeypatch, TODAY),
    "a schedule that is late": ticked_too_late,
    "the UI": lambda made, monkeypatch, day: made.run(day, today=TODAY, job="backfill", only=made.needed),
}


def partitions_of(made, day):
    """The daily assets that have this partition, and the checks that were evaluated for it."""
    specs = [spec for spec in made.definitions.resolve_all_asset_specs() if spec.partitions_def]
    there = {
        spec.key.to_user_string() for spec in specs if str(day) in made.instance.get_materialized_partitions(spec.key)
    }
    checks = {}
    for run_ in made.instance.get_runs():
        for entry in made.instance.all_logs(run_.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            found = entry.dagster_event.asset_check_evaluation_data
            if found.partition == str(day):
                checks[f"{found.asset_key.to_user_string()}.{found.check_name}"] = found.passed
    return there, checks


@pytest.mark.long
@pytest.mark.parametrize(
    "has_raw_rows",
    [pytest.param(False, id="from its export"), pytest.param(True, id="from raw rows")],
)
def test_a_past_day_ends_the_same_whoever_fills_it(server, loaded_database, monkeypatch, has_raw_rows):
    found = {}
    for name, fill in list(WAYS.items())[: 4 if has_raw_rows else None]:  # the UI has a job for these days: backfill
        with monkeypatch.context() as patched, past_platform(server, loaded_database, patched) as made:
            patched.setattr(partitions, "today", lambda: TODAY)
            patched.setattr(partitions, "now", lambda: dt.datetime.combine(TODAY, dt.time(6), dt.UTC))
            day, made.needed = NEXT, FROM_EXPORT
            backfill(made, [AFTER])
            if has_raw_rows:  # a run of that day stored them, and was killed
                made.replay.faults = change_lists({})
                with patched.context() as on_that_day:
                    made._monkeypatch = on_that_day
                    made.run(day, only=("raw_discover", "raw_details"))
                made.needed = None
            made.replay.reset()
            fill(made, patched, day)
            there, checks = partitions_of(made, day)
            found[name] = there, checks, state_of(made), made.replay.paths
    there, checks, _, asked = found["backfill"]
    if has_raw_rows:
        assert {"raw_discover", "raw_details", "dim_movie", "bridge_movie_genre", *FROM_EXPORT} < there
    else:
        assert there == set(FROM_EXPORT)
        assert sorted(checks) == [
            "fact_movie_daily.contract",
            "fact_movie_daily.every_discover_film_is_there",
            "raw_export.contract",
            "raw_export.export_stored",
        ]
    assert len(asked) == (0 if has_raw_rows else 1)
    for name, outcome in found.items():
        assert outcome == found["backfill"], name
