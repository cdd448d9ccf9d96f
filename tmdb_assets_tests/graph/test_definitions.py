"""The definitions as Dagster and its UI see them: assets, checks, jobs, schedule and resources."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    DailyPartitionsDefinition,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    build_schedule_context,
)

import tmdb_assets
from tmdb_assets import partitions
from tmdb_assets.assets.describe import column_schema
from tmdb_assets.charts.registry import REPORTS
from tmdb_assets.checks.domain import CHECKS as DOMAIN_CHECKS
from tmdb_assets.definitions import build_definitions
from tmdb_assets.partitions import daily_partitions
from tmdb_assets.settings import SAMPLE_LINE
from tmdb_assets.warehouse.ledger.check_results import made_of
from tmdb_assets.warehouse.schema.vocabulary import metadata as declared

PACKAGE = Path(tmdb_assets.__file__).parent
FIRST_DAY = dt.date(2025, 8, 11)
# Every asset with its upstream assets, as in the design.
DEPENDENCIES = {
    "raw_discover": set(),
    "raw_details": {"raw_discover"},
    "raw_export": {"raw_discover"},
    "raw_reference": set(),
    "country_continent": {"raw_reference"},
    "dim_date": {"raw_reference"},
    "dim_genre": {"raw_details", "raw_reference"},
    "dim_company": {"raw_details"},
    "dim_person": {"raw_details"},
    "dim_keyword": {"raw_details"},
    "dim_country": {"raw_details", "raw_reference", "country_continent"},
    "dim_language": {"raw_discover", "raw_details", "raw_reference"},
    "dim_movie": {"raw_discover", "raw_details", "dim_language"},
    "bridge_movie_genre": {"raw_details", "dim_movie", "dim_genre"},
    "bridge_movie_company": {"raw_details", "dim_movie", "dim_company"},
    "bridge_movie_country": {"raw_details", "dim_movie", "dim_country"},
    "bridge_movie_language": {"raw_details", "dim_movie", "dim_language"},
    "bridge_movie_cast": {"raw_details", "dim_movie", "dim_person"},
    "bridge_movie_crew": {"raw_details", "dim_movie", "dim_person"},
    "bridge_movie_keyword": {"raw_details", "dim_movie", "dim_keyword"},
    "movie_release": {"raw_details", "dim_movie"},
    "movie_history": {"raw_details", "dim_movie", "dim_language"},
    "fact_movie_daily": {"raw_discover", "raw_export", "dim_movie", "dim_date"},
    "quality_measure": {"raw_discover", "raw_details", "raw_export", "raw_reference", "dim_movie", "dim_genre"}
    | {"dim_country", "dim_language", "bridge_movie_genre", "bridge_movie_company", "bridge_movie_country"}
    | {"bridge_movie_language", "bridge_movie_cast", "bridge_movie_crew", "bridge_movie_keyword", "movie_release"}
    | {"movie_history", "fact_movie_daily"},
    "forecast_movie_daily": {"fact_movie_daily"},
    "movie_similar": {"fact_movie_daily", "dim_movie", "dim_genre", "dim_company", "dim_keyword", "dim_person"}
    | {"dim_language", "bridge_movie_genre", "bridge_movie_company", "bridge_movie_keyword", "bridge_movie_cast"}
    | {"bridge_movie_crew"},
    "vw_movie_latest": {"fact_movie_daily", "dim_movie"},
    "vw_top_movies": {"fact_movie_daily", "dim_movie"},
    "vw_genre_popularity": {"fact_movie_daily", "dim_genre", "bridge_movie_genre"},
    "vw_continent_popularity": {"fact_movie_daily", "dim_country", "bridge_movie_country"},
    "vw_load_status": {"fact_movie_daily"},
    "vw_person_popularity": {"fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_cast", "bridge_movie_crew"},
    "vw_director_ranking": {"fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_crew"},
    "vw_costars": {"fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_cast"},
    "vw_upcoming_releases": {"fact_movie_daily", "dim_movie", "dim_country", "movie_release"},
    "vw_keyword_popularity": {"fact_movie_daily", "dim_movie", "dim_keyword", "bridge_movie_keyword"},
    "vw_trending_movies": {"fact_movie_daily", "dim_movie"},
    **{report.name: set(report.reads) for report in REPORTS},
    "quality_report": set(),  # it runs last, also where a step failed
    "dashboard": {"vw_movie_latest", "vw_load_status", "fact_movie_daily", "dim_movie", "dim_genre", "dim_country"}
    | {"dim_language", "dim_person", "bridge_movie_genre", "bridge_movie_country", "bridge_movie_cast"}
    | {"bridge_movie_crew", "bridge_movie_keyword", "dim_keyword", "movie_release", "movie_similar"},
}
GROUPS = {
    "raw": {"raw_discover", "raw_details", "raw_export"},
    "reference": {"raw_reference", "country_continent"},
    "dimensions": {"dim_date", "dim_genre", "dim_company", "dim_country", "dim_language", "dim_movie"}
    | {"dim_person", "dim_keyword"},
    "bridges": {name for name in DEPENDENCIES if name.startswith("bridge_movie_")} | {"movie_release"},
    "history": {"movie_history"},
    "facts": {"fact_movie_daily"},
    "quality": {"quality_measure"},
    "derived": {"forecast_movie_daily", "movie_similar"},
    "marts": {name for name in DEPENDENCIES if name.startswith("vw_")},
    "reports": {report.name for report in REPORTS} | {"dashboard", "quality_report"},
}
DAILY_GROUPS = ("raw", "dimensions", "bridges", "history", "facts", "quality")
DAILY = {name for group in DAILY_GROUPS for name in GROUPS[group]} - {"dim_date"}
TABLES = {name for name in DEPENDENCIES if name in declared.tables}
OTHER_CHECKS = {
    # check -> (blocks downstream assets, is daily)
    ("raw_discover", "pages_complete"): (False, True),
    ("raw_details", "details_complete"): (False, True),
    ("raw_export", "export_stored"): (False, True),
    ("dim_movie", "removals_plausible"): (False, True),
    ("dim_movie", "films_have_details"): (False, True),
    ("raw_reference", "lists_stored"): (False, False),
    ("country_continent", "file_is_valid"): (True, False),
    ("dim_country", "countries_in_use_have_a_continent"): (False, False),
    ("fact_movie_daily", "every_discover_film_is_there"): (True, True),
    ("fact_movie_daily", "today_is_there"): (False, False),
    ("fact_movie_daily", "latest_state_agrees"): (False, False),
    ("forecast_movie_daily", "no_worse_than_last_value"): (False, False),
    **{("quality_measure", check.name): (False, True) for check in DOMAIN_CHECKS},
}
CONTRACTS = {(name, "contract"): (True, name in DAILY) for name in TABLES | GROUPS["marts"]}
NINE = dt.time(9, tzinfo=dt.UTC)

defs = build_definitions()


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def specs():
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_assets_and_their_upstream_assets(graph):
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == DEPENDENCIES


@pytest.mark.parametrize("kind", ["discover", "details", "export"])
def test_the_tables_that_stored_answers_leave_behind(kind):
    names = DAILY - GROUPS["raw"] - GROUPS["quality"]
    assert set(made_of(kind)) == {name for name in names if f"raw_{kind}" in DEPENDENCIES[name]}


def test_groups(specs):
    found = {}
    for name, spec in specs.items():
        found.setdefault(spec.group_name, set()).add(name)
    assert found == GROUPS


@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_what_the_ui_shows_of_an_asset(specs, name):
    spec = specs[name]
    assert spec.owners == ["team:data-platform"]
    assert spec.description.endswith(SAMPLE_LINE)  # no token is set here
    grain = "day" if name in DAILY else "latest"
    tags = {"grain": grain, "layer": spec.group_name, "source": "sandbox"}
    assert {key: value for key, value in spec.tags.items() if "/" not in key} == tags
    assert re.fullmatch(r"[0-9a-f]{12}", spec.code_version)
    assert (spec.freshness_policy is not None) == (spec.group_name in {"marts", "reports"})
    # The UI shows any other entry with the time of loading, as "Invalid Date" while it does not know it.
    assert {key for key in spec.metadata if not key.startswith("dagster/")} == set()
    kinds = {"altair", "python"} if name.startswith("report_") else {"postgres", "sql", "view"}
    kinds = {"html", "python"} if name in {"dashboard", "quality_report"} else kinds
    assert spec.kinds == ({"python", "postgres", "table"} if name in TABLES else kinds)
    if name in TABLES | GROUPS["marts"]:
        assert spec.description.startswith("One row per ")
        assert f"from {name}" in spec.description.split("Example: `", 1)[1]
        assert "Source: " in spec.description or "\n\nMade from " in spec.description
        assert spec.metadata["dagster/table_name"] == f"tmdb_sandbox.public.{name}"
    elif name in {"dashboard", "quality_report"}:
        assert spec.description.startswith(("One interactive HTML page of the newest day's films", "One HTML page for"))
        assert "not endorsed or certified by TMDB." in spec.description
    else:
        (report,) = (report for report in REPORTS if report.name == name)
        assert all(f"- **{picture.title}**: {picture.shows}" in spec.description for picture in report.pictures)
        assert "not endorsed or certified by TMDB." in spec.description


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_columns_of_a_table_are_those_of_its_declaration(specs, name):
    table = declared.tables[name]
    assert specs[name].description.split("\n\n", 1)[0] == table.comment
    shown = specs[name].metadata["dagster/column_schema"]
    assert shown == column_schema(table)
    assert [(column.name, column.description) for column in shown.columns] == [
        (column.name, column.comment) for column in table.columns
    ]
    assert all(column.description for column in shown.columns)
    nullable = {column.name for column in shown.columns if column.constraints.nullable}
    assert nullable == {column.name for column in table.columns if column.nullable}


def test_which_assets_have_daily_partitions(specs):
    daily = DailyPartitionsDefinition(start_date="2025-08-11", timezone="UTC", end_offset=1)
    assert {name: spec.partitions_def for name, spec in specs.items() if spec.partitions_def} == dict.fromkeys(
        DAILY, daily
    )


def test_todays_partition_exists_today_and_tomorrows_does_not():
    at = dt.datetime(2026, 7, 29, 0, 0, 1, tzinfo=dt.UTC)
    keys = daily_partitions(FIRST_DAY).get_partition_keys(current_time=at)
    assert (keys[0], keys[-1]) == ("2025-08-11", "2026-07-29")
    assert daily_partitions(dt.date(2026, 1, 2)).get_first_partition_key() == "2026-01-02"


def test_which_checks_block_and_which_have_partitions(graph):
    found = {}
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        found[key.asset_key.to_user_string(), key.name] = (spec.blocking, spec.partitions_def is not None)
    assert found == {**CONTRACTS, **OTHER_CHECKS}


@pytest.mark.parametrize(("asset", "check"), sorted(OTHER_CHECKS))
def test_a_check_says_what_to_do(graph, asset, check):
    description = graph.get_check_spec(AssetCheckKey(AssetKey(asset), check)).description
    _, _, advice = description.partition("If not: ")
    assert advice, description


def test_no_asset_has_a_backfill_policy(graph):
    assert {graph.get(key).backfill_policy for key in graph.get_all_asset_keys()} == {None}


def selected(name):
    job = defs.resolve_job_def(name)
    assets = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    return assets, {node.name for node in job.nodes} - assets


def test_the_job_daily_is_everything():
    assets, checks = selected("daily")
    assert assets == set(DEPENDENCIES)
    assert checks == {
        "fact_movie_daily_every_discover_film_is_there",
        "fact_movie_daily_today_is_there",
        "fact_movie_daily_latest_state_agrees",
        "dim_movie_films_have_details",
        "dim_country_countries_in_use_have_a_continent",
    }


def test_the_job_backfill_is_everything_with_daily_partitions():
    assets, checks = selected("backfill")
    assert assets == DAILY
    assert checks == selected("daily")[1] - {"fact_movie_daily_latest_state_agrees"}


@pytest.mark.parametrize("name", ["daily", "backfill"])
def test_jobs_run_in_process_for_one_day(name):
    job = defs.resolve_job_def(name)
    assert job.executor_def.name == "in_process"
    assert job.partitions_def == daily_partitions(FIRST_DAY)


def tick(at):
    context = build_schedule_context(scheduled_execution_time=at, repository_def=defs.get_repository_def())
    (request,) = defs.resolve_schedule_def("daily_schedule").evaluate_tick(context).run_requests
    return request


def test_the_schedule_runs_the_job_daily_at_nine_utc_by_default():
    schedule = defs.resolve_schedule_def("daily_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone, schedule.job_name) == ("0 9 * * *", "UTC", "daily")
    assert schedule.default_status is DefaultScheduleStatus.RUNNING


def test_a_tick_requests_the_partition_of_its_own_day(monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: dt.date(2026, 7, 29))  # a late tick looks into the warehouse
    request = tick(dt.datetime.combine(dt.date(2026, 7, 29), NINE))
    assert (request.partition_key, request.run_key) == ("2026-07-29", "2026-07-29")
    # The next morning has another run key, so that Dagster launches it.
    assert tick(dt.datetime.combine(dt.date(2026, 7, 30), NINE)).run_key == "2026-07-30"


def test_the_gap_filler_uses_the_job_backfill_and_runs_by_default():
    sensor = defs.resolve_sensor_def("gap_filler")
    assert (sensor.name, sensor.job_name) == ("gap_filler", "backfill")
    assert sensor.default_status is DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds >= 60  # each tick queries the warehouse


def test_alerts_and_retention_run_by_default():
    sensors = {made.name: made for made in defs.get_repository_def().sensor_defs}
    assert set(sensors) == {"gap_filler", "alerts"}
    assert sensors["alerts"].default_status is DefaultSensorStatus.RUNNING
    schedules = {made.name: made for made in defs.get_repository_def().schedule_defs}
    assert set(schedules) == {"daily_schedule", "retention_schedule"}
    retention = schedules["retention_schedule"]
    found = (retention.job_name, retention.cron_schedule, retention.execution_timezone)
    assert found == ("retention", "0 10 * * *", "UTC")
    assert retention.default_status is DefaultScheduleStatus.RUNNING
