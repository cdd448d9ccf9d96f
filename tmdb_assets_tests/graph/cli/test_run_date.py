"""The day a run belongs to: the one on which its command was given, even if it starts after midnight; its outcome."""

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

from tmdb_assets import partitions
from tmdb_assets.cli import main
from tmdb_assets.cli.in_process import Platform, run_day
from tmdb_assets.partitions import daily_partitions
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import platform

DAY = dt.date(2026, 7, 29)
NEXT = DAY + dt.timedelta(days=1)
CATALOGUE = catalogue(sound_films(20))
FETCHING = ("raw_discover", "raw_reference")


def test_a_command_given_before_midnight_requests_its_day_after_midnight(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        monkeypatch.setattr(partitions, "today", lambda: NEXT)
        opened = Platform(graph.instance, graph.definitions, graph.source, warehouse)
        late = run_day(opened, DAY, assets=FETCHING)  # a command of the next day: this one is past
        assert (late.ok, graph.replay.paths) == (True, [])
        in_time = run_day(opened, DAY, today=DAY, assets=FETCHING)
        assert in_time.ok
        assert "/discover/movie" in graph.replay.paths
        assert graph.rows("select distinct snapshot_date from raw_discover") == [(DAY,)]


def test_without_a_command_it_is_the_day_of_the_first_step(monkeypatch):
    days = [DAY]
    monkeypatch.setattr(partitions, "today", lambda: days[-1])
    assert partitions.run_date("of the schedule") == DAY
    days.append(NEXT)
    assert partitions.run_date("of the schedule") == DAY
    assert partitions.run_date("launched after midnight") == NEXT
    partitions.begin_run("of a command", DAY)
    assert partitions.run_date("of a command") == DAY


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
