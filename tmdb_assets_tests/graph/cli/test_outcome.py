"""The outcome of a day's run."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    DagsterRunStatus,
    Definitions,
    MaterializeResult,
    asset,
    define_asset_job,
    in_process_executor,
)

from tmdb_assets.cli import main
from tmdb_assets.cli.in_process import Platform, run_day
from tmdb_assets.partitions import daily_partitions
from tmdb_assets_tests.stage.memory_instance import memory_instance

DAY = dt.date(2026, 7, 29)


@pytest.mark.parametrize(
    ("severity", "passed", "state", "code"),
    [
        (AssetCheckSeverity.ERROR, False, "failed", 1),
        (AssetCheckSeverity.ERROR, True, "loaded", 0),
        (AssetCheckSeverity.WARN, False, "loaded", 0),
    ],
)
def test_a_failed_check_fails_the_day_unless_it_only_warns(severity, passed, state, code):
    """Not every check stops the run: the run succeeds, and the day has failed."""

    @asset(partitions_def=daily_partitions(DAY), check_specs=[AssetCheckSpec("sound", asset="table")])
    def table():
        check = AssetCheckResult(passed=passed, severity=severity, description="Why")
        yield MaterializeResult(check_results=[check])

    with memory_instance() as instance:
        defs = Definitions([table], jobs=[define_asset_job("daily", executor_def=in_process_executor)])
        outcome = run_day(Platform(instance, defs, SimpleNamespace(requests=0), None), DAY, today=DAY)
        (run,) = instance.get_runs()
    assert run.status is DagsterRunStatus.SUCCESS
    assert (outcome.ok, outcome.state, outcome.problems) == (code == 0, state, [])
    assert outcome.causes == ([] if code == 0 or passed else ["Why"])
    assert main._exit_code([outcome]) == code
