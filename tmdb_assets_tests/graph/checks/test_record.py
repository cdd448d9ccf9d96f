"""What the checks of a run said is in the warehouse, also where a step failed."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.ledger.check_results import note_answers, tables_behind
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.at_once import in_background, wait_until_blocked
from tmdb_assets_tests.stage.platform import evaluations_of, failures_of, platform
from tmdb_assets_tests.stage.waiting import PATIENCE_S

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(30))
RESULTS = (
    "select asset_name || '.' || check_name, is_passed, severity, description from check_result where date_id = :day"
)


def results(graph, day=DAY):
    return {name: rest for name, *rest in graph.rows(RESULTS, day=day)}


def test_each_check_and_each_step_of_a_run_is_on_record(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        run = graph.run(DAY)
        assert failures_of(run) == []
        found, said = results(graph), evaluations_of(run)
        checks = {name: rest for name, rest in found.items() if not name.endswith(".run")}
        assert checks == {
            name: [check.passed, check.severity.value.lower(), check.description] for name, check in said.items()
        }
        steps = {name.removesuffix(".run") for name in found if name.endswith(".run")}
        keys = graph.definitions.resolve_job_def("daily").asset_layer.executable_asset_keys
        assert steps == {key.to_user_string() for key in keys}


def test_a_failed_step_is_on_record_until_it_ends_well(server, loaded_database, monkeypatch):
    bad = catalogue([{**payload, "runtime": "ninety"} for payload in sound_films(30)])
    with copied_warehouse(server, loaded_database) as warehouse, platform(warehouse, bad, monkeypatch) as graph:
        graph.run(DAY, refresh=True, charts=False)
        found = results(graph)
        assert found["dim_movie.run"][:2] == [False, "error"]
        assert found["dim_movie.run"][2].startswith("30 of 60 rows of dim_movie (50.0%) broke their contract")
        assert found["dim_movie.contract"][:2] == [False, "error"]
        graph.fetch_day(DAY, CATALOGUE, refresh=True, charts=False)
        assert results(graph)["dim_movie.run"] == [True, "error", "The step ended well."]
        assert results(graph)["dim_movie.contract"][0] is True


def test_a_table_stays_behind_answers_that_another_run_stores_during_its_step(server, loaded_database, monkeypatch):
    with copied_warehouse(server, loaded_database) as warehouse, platform(warehouse, CATALOGUE, monkeypatch) as graph:

        def is_behind():
            with warehouse.begin() as connection:
                return "dim_genre" in tables_behind(connection, DAY, DAY).get(DAY, ())

        for is_stored_meanwhile in (True, False):
            with warehouse.begin() as connection:
                note_answers(connection, DAY, "details")
            with warehouse.begin() as blocking:
                blocking.execute(sa.text("lock table dim_genre in exclusive mode"))
                step = in_background(lambda: graph.run(DAY, only={"dim_genre"}))
                wait_until_blocked(warehouse)  # it has read the answers, and merges
                if is_stored_meanwhile:
                    with warehouse.begin() as other_run:
                        note_answers(other_run, DAY, "details")
            assert failures_of(step.result(timeout=PATIENCE_S)) == []
            assert is_behind() == is_stored_meanwhile


def test_the_texts_of_other_errors_are_not_for_readers(warehouse, monkeypatch):
    def fail(*_args, **_options):
        raise LookupError("password=hush")

    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        monkeypatch.setattr("tmdb_assets.checks.quality.measure_day", fail)
        graph.run(DAY, only={"dim_date", "quality_measure"})
        assert results(graph)["quality_measure.run"] == [False, "error", "LookupError. Read the log of the run."]


def test_without_postgres_the_step_says_so_and_not_its_record(server, loaded_database, monkeypatch):
    def refuse(*_args, **_options):
        raise sa.exc.OperationalError("insert", {}, Exception("disk full"))

    with copied_warehouse(server, loaded_database) as warehouse, platform(warehouse, CATALOGUE, monkeypatch) as graph:
        monkeypatch.setattr("tmdb_assets.checks.quality.measure_day", lambda *_: 1 / 0)
        monkeypatch.setattr("tmdb_assets.assets.steps.record.record", refuse)
        (failure,) = failures_of(graph.run(DAY, only={"quality_measure"}))
        assert "division by zero" in failure
