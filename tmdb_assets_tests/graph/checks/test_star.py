"""Every check in a state that passes and in one that fails: its figures and its advice.

The checks of views and pictures are in test_reports, those of the CSV and of removed films in test_assets.
"""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import AssetSelection, Definitions, asset, define_asset_job, in_process_executor

from tmdb_assets import partitions
from tmdb_assets.assets.steps.advice import ACTION
from tmdb_assets.checks.star import CHECKS
from tmdb_assets.partitions import daily_partitions
from tmdb_assets.settings import Settings
from tmdb_assets_tests.cases.awkward import catalogue, company, countries, film, genres, languages, sound_films
from tmdb_assets_tests.fakes.replay_catalogue import discover_item
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse, state_of
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import (
    QUIET,
    checks_of,
    evaluations_of,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2026, 7, 29)
SETTINGS = Settings.load()
SOUND = sound_films(30)
CATALOGUE = catalogue(SOUND)
# Assets with the right names that do nothing, so that the checks see the tables as the test left them.
STUBS = [
    asset(name=name, partitions_def=daily_partitions(SETTINGS.tmdb_first_day))(lambda: None)
    for name in ("fact_movie_daily", "dim_movie", "dim_country", "bridge_movie_country")
]
OVER_TABLES = {
    "fact_movie_daily.every_discover_film_is_there",
    "dim_movie.films_have_details",
    "dim_country.countries_in_use_have_a_continent",
    "fact_movie_daily.today_is_there",
    "fact_movie_daily.latest_state_agrees",
}


@pytest.fixture
def tables(server, loaded_database, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY)
    with copied_warehouse(server, loaded_database) as made:
        yield Tables(made)


def evaluate(tables):
    """Run only the checks across tables."""
    job = define_asset_job("checks", AssetSelection.all(), executor_def=in_process_executor)
    checks = [build(SETTINGS) for build in CHECKS]
    made = Definitions(
        assets=STUBS, asset_checks=checks, jobs=[job], resources={"warehouse": tables.warehouse}
    ).resolve_job_def("checks")
    with memory_instance() as instance:
        options = {"instance": instance, "run_config": QUIET, "raise_on_error": False}
        return evaluations_of(made.execute_in_process(partition_key=DAY.isoformat(), **options))


def failed(found):
    return {name for name, evaluation in found.items() if not evaluation.passed}


def values(evaluation):
    """The metadata without what to do: numbers and texts unchanged, a table as its records."""
    return {
        name: [record.data for record in value.records] if hasattr(value, "records") else value.value
        for name, value in evaluation.metadata.items()
        if name != ACTION
    }


def test_all_pass_after_a_healthy_day(tables):
    found = evaluate(tables)
    assert set(found) == OVER_TABLES
    assert failed(found) == set()
    assert {name: evaluation.description for name, evaluation in found.items()} == {
        "fact_movie_daily.every_discover_film_is_there": "Every film in the day's discover is in the fact with "
        "its figures, or in rejected_row with its reasons.",
        "dim_movie.films_have_details": "Every film of the day has details.",
        "dim_country.countries_in_use_have_a_continent": "Every country in use has a continent.",
        "fact_movie_daily.today_is_there": "Today, 2026-07-29, is loaded.",
        "fact_movie_daily.latest_state_agrees": "The latest state agrees with the fact as of 2026-07-29.",
    }
    assert values(found["fact_movie_daily.every_discover_film_is_there"]) == {"missing": 0, "movie_ids": []}
    assert values(found["dim_movie.films_have_details"]) == {"without_details": 0, "movie_ids": []}
    assert values(found["dim_country.countries_in_use_have_a_continent"]) == {"codes": []}
    assert values(found["fact_movie_daily.today_is_there"]) == {"newest_day": "2026-07-29", "today": "2026-07-29"}
    by_day = {name for name, evaluation in found.items() if evaluation.partition == "2026-07-29"}
    assert by_day == {"fact_movie_daily.every_discover_film_is_there", "dim_movie.films_have_details"}


def test_discover_films_missing_from_the_fact(tables):
    tables.execute("delete from fact_movie_daily where movie_id in (9003, 9001, 9002)")
    tables.execute(
        "insert into rejected_row (id, table_name, snapshot_date, payload, reasons) values "
        "(gen_random_uuid(), 'fact_movie_daily', :day, '{\"movie_id\": 9002}', '[]'), "
        # Rejected rows of another day or another table explain nothing.
        "(gen_random_uuid(), 'fact_movie_daily', :day - 1, '{\"movie_id\": 9001}', '[]'), "
        "(gen_random_uuid(), 'dim_movie', :day, '{\"movie_id\": 9001}', '[]')",
        day=DAY,
    )
    found = evaluate(tables)
    assert failed(found) == {"fact_movie_daily.every_discover_film_is_there", "fact_movie_daily.latest_state_agrees"}
    check = found["fact_movie_daily.every_discover_film_is_there"]
    assert (check.severity.value, check.blocking) == ("ERROR", True)
    assert values(check) == {"missing": 2, "movie_ids": [{"movie_id": "9001"}, {"movie_id": "9003"}]}
    assert check.description == (
        "2 films of the day are not in fact_movie_daily, or not with their figures. Materialize dim_movie and "
        "fact_movie_daily for this day again; if they are still missing, look at the log of both steps."
    )


def test_films_without_details(tables):
    tables.execute("update dim_movie set details_date = null where movie_id in (9001, 9002, 9003)")
    # The details of a removed film are not requested, and a film of another day does not count here.
    tables.execute("update dim_movie set removed_date = :day where movie_id = 9002", day=DAY)
    tables.execute("select renew_totals()")
    tables.execute("delete from raw_discover where movie_id = 9003")
    found = evaluate(tables)
    assert failed(found) == {"dim_movie.films_have_details"}
    check = found["dim_movie.films_have_details"]
    assert (check.severity.value, check.blocking) == ("WARN", False)
    assert values(check) == {"without_details": 1, "movie_ids": [{"movie_id": "9001"}]}
    assert check.description == (
        "1 films of the day have no details (budget, runtime, companies ...). They still have a fact. "
        "Another run before midnight UTC requests those that did not answer; those whose answer broke the "
        "contract of dim_movie are in rejected_row: tmdb-assets run --refresh requests them again."
    )


def test_countries_in_use_without_a_continent(tables):
    tables.execute("update dim_country set continent = null where iso_3166_1 in ('US', 'JP')")  # no film is from JP
    tables.execute("select renew_totals()")
    found = evaluate(tables)
    assert failed(found) == {"dim_country.countries_in_use_have_a_continent"}
    check = found["dim_country.countries_in_use_have_a_continent"]
    assert check.severity.value == "WARN"
    assert values(check) == {"codes": [{"iso_3166_1": "US"}]}
    assert check.description == (
        "No continent for US. Add a line for each to data/country_continent.csv and materialize country_continent; "
        "dim_country follows at once."
    )


@pytest.mark.parametrize(("days_later", "passed"), [(-1, True), (0, True), (1, False)])
def test_today_is_there(tables, monkeypatch, days_later, passed):
    today = DAY + dt.timedelta(days=days_later)
    monkeypatch.setattr(partitions, "today", lambda: today)
    check = evaluate(tables)["fact_movie_daily.today_is_there"]
    assert check.passed is passed
    assert values(check) == {"newest_day": "2026-07-29", "today": today.isoformat()}
    if not passed:
        assert check.severity.value == "WARN"
        assert check.description == (
            "Today, 2026-07-30, is not loaded yet; the newest day is 2026-07-29. Materialize today's partition "
            "(tmdb-assets run); the schedule does so at 09:00 UTC when the daemon runs."
        )


def test_no_day_is_there_in_an_empty_warehouse(warehouse, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY)
    found = evaluate(Tables(warehouse))
    assert failed(found) == {"fact_movie_daily.today_is_there"}
    assert "the newest day is none." in found["fact_movie_daily.today_is_there"].description


def broken_films():
    """For each table that is read from details, one film with a row that breaks the table's contract."""
    odd_country = {"iso_3166_1": "usa", "name": "Nowhere"}
    odd_language = {"iso_639_1": "E!", "english_name": "Odd", "name": "Odd"}
    return [
        film(101, runtime=-3),
        film(102, genres=[*genres(18), {"id": 0, "name": "Zero"}]),
        film(103, production_companies=[company(7, "Long", "USA")]),
        film(104, production_countries=[*countries("US"), odd_country]),
        film(105, spoken_languages=[*languages("en"), odd_language]),
    ]


def test_every_contract_reports_its_broken_rows_while_the_others_load(warehouse, monkeypatch):
    films = [*sound_films(), *broken_films()]
    items = [discover_item(payload["id"], payload) for payload in films]
    items.append({**discover_item(106, film(106)), "vote_average": 11})
    listed = {107: {**film(107), "id": 108}}  # details of another film
    items.append(discover_item(107, film(107)))
    made = catalogue(
        {**{payload["id"]: payload for payload in films}, **listed},
        listing=items,
        genres=[*catalogue(()).genres, {"name": "No id"}],
    )
    with platform(warehouse, made, monkeypatch) as graph:
        result = graph.run(DAY, charts=False)
        assert failures_of(result) == []
        assert result.success
        found = evaluations_of(result)
        broken = {
            name.removesuffix(".contract"): values(found[name])["broken_rules"]
            for name in failed(found)
            if name.endswith(".contract")
        }
        rules = {name: {(row["rule"], row["rows"], row["examples"]) for row in rows} for name, rows in broken.items()}
        assert rules == {
            "raw_discover": {("vote_average at most 10", 1, "11.0")},
            "raw_details": {("payload.id is the requested id", 1, "108")},
            "raw_reference": {("code not null", 1, "None")},
            "dim_movie": {("runtime_minutes at least 1", 1, "-3")},
            "movie_history": {("runtime_minutes at least 1", 1, "-3")},
            "dim_genre": {("genre_id at least 1", 1, "0")},
            "dim_company": {("origin_country max length 2; stored as NULL", 1, "USA")},
            "dim_country": {("iso_3166_1 matches ^[A-Z]{2}$", 1, "usa")},
            "dim_language": {("iso_639_1 matches ^[a-z]{2,3}$", 1, "E!")},
            "bridge_movie_genre": {("genre_id is in dim_genre", 1, "0")},
            "bridge_movie_country": {("iso_3166_1 is in dim_country", 1, "usa")},
            "bridge_movie_language": {("iso_639_1 is in dim_language", 1, "E!")},
        }
        check = found["raw_discover.contract"]
        assert check.severity.value == "WARN"
        assert check.description == (
            "1 of 207 rows broke the contract of raw_discover: vote_average at most 10 (1 row, 0.5%). They are in "
            "rejected_row, the others are loaded. To see them: tmdb-assets rejected --table raw_discover. After a fix: "
            "tmdb-assets rejected --table raw_discover --retry."
        )
        assert values(check)["rejected_share"] == pytest.approx(1 / 207)
        assert dict(graph.rows("select table_name, count(*) from rejected_row group by 1")) == dict.fromkeys(broken, 1)
        assert graph.value("select count(*) from fact_movie_daily") == 206
        assert metadata_of(result, "dim_movie")["rows_rejected"] == 1
        # 101 and 107 are known from discover only.
        assert values(found["dim_movie.films_have_details"])["movie_ids"] == [{"movie_id": "101"}, {"movie_id": "107"}]


def test_a_contract_broken_too_often_stops_the_load_and_everything_downstream(server, loaded_database, monkeypatch):
    bad = [{**payload, "runtime": "ninety"} for payload in SOUND[:4]]
    made = catalogue([*bad, *SOUND[4:]])
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, made, monkeypatch) as graph,
    ):
        before = state_of(graph)
        result = graph.run(DAY, refresh=True, charts=False)
        assert not result.success
        (line,) = failures_of(result)
        assert line.startswith(
            "4 of 60 rows of dim_movie (6.7%) broke their contract, over the 5% allowed: runtime_minutes is of kind "
            "integer (4 rows, 6.7%). Nothing was"
        )
        check = evaluations_of(result)["dim_movie.contract"]
        assert (check.passed, check.severity.value, check.blocking) == (False, "ERROR", True)
        assert check.description == (
            "4 of 60 rows (6.7%) broke the contract of dim_movie, over the 5% allowed: runtime_minutes is of kind "
            "integer (4 rows, 6.7%). Nothing was written; what is already stored is kept. If these rules show that "
            "TMDb changed its answers, change the table's declaration; otherwise run the day again."
        )
        assert values(check)["broken_rules"] == [
            {"rule": "runtime_minutes is of kind integer", "rows": 4, "share": "6.67%", "examples": "ninety"}
        ]
        assert state_of(graph) == before
        assert not {name for name in checks_of(result) if name.startswith(("bridge_", "fact_", "vw_"))}


def test_pages_complete(server, loaded_database, monkeypatch):
    with (
        copied_warehouse(server, loaded_database) as warehouse,
        platform(warehouse, catalogue(SOUND), monkeypatch) as graph,
    ):
        check = evaluations_of(graph.run(DAY, only={"raw_discover"}))["raw_discover.pages_complete"]
        assert (check.passed, check.description) == (True, "2 pages of 2026-07-29 are stored.")
        # As a run leaves it that was interrupted; a past day can no longer be completed.
        graph.execute("update fetch_log set finished_at = null, stored_pages = '[1]' where kind = 'discover'")
        later = DAY + dt.timedelta(days=1)
        check = evaluations_of(graph.run(DAY, today=later, only={"raw_discover"}))["raw_discover.pages_complete"]
        stored = {"pages_stored": 1, "slices_stored": 0, "films_beyond_page_500": 0}
        assert (check.passed, check.severity.value, values(check)) == (False, "WARN", stored)
        assert check.description.startswith("1 pages of 2026-07-29 are stored. The day is not complete")
