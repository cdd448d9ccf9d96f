"""TMDb answers everything but details: the day has its facts, reports what is missing, and is resumed."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from tmdb_assets.cli import in_process
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import GARBAGE, Fault
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import assert_tables_equal
from tmdb_assets_tests.stage.many_days import ONE_DAY, asked_changes, asked_films, asked_pages, both, change_lists
from tmdb_assets_tests.stage.platform import (
    assert_green,
    evaluations_of,
    failed_checks,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2026, 7, 29)
NEXT = DAY + ONE_DAY
CATALOGUE = catalogue(sound_films(150))
FILMS, IDS = 150, sorted(CATALOGUE.films)
EDITED = catalogue([{**made, "title": f"New {made['id']}"} for made in CATALOGUE.films.values()])
DOWN = Fault(status=500)
FACTS = "select count(*) from fact_movie_daily where date_id = :day and source = 'discover'"


def is_details(path):
    return path.removeprefix("/movie/").isdigit()


def down_after(count, *, fault=DOWN, fails=is_details):
    """A hook: after this many details, every request that `fails` gets the fault."""
    answered, lock = [], threading.Lock()

    def hook(path, params):
        with lock:
            is_down = len(answered) >= count
            answered.extend([path] if is_details(path) else [])
        return fault if is_down and fails(path) else None

    return hook


def failing(result):
    return {name: found.severity.value for name, found in evaluations_of(result).items() if not found.passed}


@pytest.mark.parametrize(
    ("fault", "fails", "answered", "cause"),
    [
        (DOWN, is_details, 0, "500 Internal Server Error"),
        pytest.param(DOWN, is_details, 70, "500 Internal Server Error", marks=pytest.mark.long),
        pytest.param(GARBAGE, is_details, 0, "cannot be read", marks=pytest.mark.long),
        (GARBAGE, is_details, 70, "cannot be read"),
        (Fault(status=503), lambda path: True, 70, "503 Service Unavailable"),  # the export is not answered either
    ],
)
def test_a_day_without_details_has_its_facts_and_the_next_run_requests_the_rest(
    warehouse, monkeypatch, fault, fails, answered, cause
):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = down_after(answered, fault=fault, fails=fails)
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        assert result.success
        stored = made.column("select movie_id from raw_details")
        assert len(stored) <= answered
        assert bool(stored) == bool(answered)
        found = failing(result)
        assert found.pop("raw_details.contract", "WARN") == "WARN"  # garbage, while there is little of it
        assert found.pop("raw_export.export_stored", None) == (None if fails is is_details else "WARN")
        views = {name for name in found if name.startswith("vw_")}  # no genre or continent is known yet
        assert bool(views) is not bool(answered)
        assert {name: severity for name, severity in found.items() if name not in views} == {
            "raw_details.details_complete": "ERROR",
            "dim_movie.films_have_details": "WARN",
        }
        check = evaluations_of(result)["raw_details.details_complete"]
        missing = len(IDS) - len(stored)
        assert cause in check.description
        assert "\n" not in check.description
        assert f"{missing} of the 150 films whose details were due on {DAY} were not answered" in check.description
        assert check.description.endswith(
            "Run again before midnight UTC to request only these; otherwise the next day requests them."
        )
        assert (check.blocking, check.metadata["films_missing"].value) == (False, missing)
        assert (made.value(FACTS, day=DAY), made.value("select count(*) from load_day")) == (150, 1)
        assert metadata_of(result, "raw_details")["requested"] < 150 or answered  # it gave up

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert (asked_pages(made.replay), asked_films(made.replay)) == ([], sorted(set(IDS) - set(stored)))
        assert failing(result) == {}
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


def test_details_missing_after_an_outage_are_due_the_next_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.run(DAY, charts=False)
        changed, third = IDS[:100], NEXT + ONE_DAY
        made.replay.faults = both(change_lists({NEXT: changed}), down_after(40))
        result = made.fetch_day(NEXT, EDITED, charts=False)
        assert failing(result)["raw_details.details_complete"] == "ERROR"
        assert made.value(FACTS, day=NEXT) == 150
        done = made.column("select movie_id from dim_movie where title like 'New %' order by 1")
        assert 0 < len(done) <= 40

        made.replay.faults = change_lists({})
        made.replay.reset()
        result = made.fetch_day(third, EDITED, charts=False)
        assert asked_changes(made.replay) == [NEXT, third]
        assert asked_films(made.replay) == sorted(set(changed) - set(done))
        assert failing(result) == {}
        assert made.column("select movie_id from dim_movie where title like 'New %' order by 1") == changed
        # The past day itself is rebuilt from its raw rows, with a warning only.
        result = made.run(NEXT, today=third, charts=False)
        assert failing(result) == {"raw_details.details_complete": "WARN"}
        text = evaluations_of(result)["raw_details.details_complete"].description
        assert text.startswith(f"{100 - len(done)} of the 100 films whose details were due on {NEXT} were not answered")
        assert text.endswith("A later day requests them.")


def test_a_few_films_without_an_answer_are_a_warning(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.run(DAY, charts=False)
        made.replay.faults = both(
            change_lists({NEXT: IDS[:10]}), lambda path, params: DOWN if path == f"/movie/{IDS[0]}" else None
        )
        result = made.fetch_day(NEXT, EDITED, charts=False)
        assert failing(result) == {"raw_details.details_complete": "WARN"}
        text = evaluations_of(result)["raw_details.details_complete"].description
        assert f" 1 of the 10 films whose details were due on {NEXT} were not answered" in text


@pytest.mark.parametrize(
    ("status", "line"), [(401, "TMDb refused the token"), (422, "TMDb refused the request /movie/")]
)
def test_refused_details_end_the_run(warehouse, monkeypatch, status, line):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = down_after(40, fault=Fault(status=status))
        result = made.run(DAY, charts=False)
        assert not result.success
        assert failures_of(result)[0].startswith(line)
        assert made.value("select count(*) from fact_movie_daily") == 0


@pytest.mark.parametrize("down", [True, False])
def test_a_day_without_details_is_not_ok(warehouse, monkeypatch, down):
    """So the command exits with 1, and the summary says what is missing and what to do."""
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = down_after(0) if down else None
        monkeypatch.setattr("tmdb_assets.partitions.now", lambda: dt.datetime.combine(DAY, dt.time(9), dt.UTC))
        opened = in_process.Platform(made.instance, made.definitions, made.source, warehouse)
        outcome = in_process.run_day(opened, DAY, today=DAY, assets=made.assets_without_charts())
        assert (outcome.ok, outcome.problems, len(outcome.causes)) == (not down, [], int(down))
        assert all("Run again before midnight UTC" in cause for cause in outcome.causes)
        assert made.value(FACTS, day=DAY) == 150


def test_unreadable_details_are_requested_by_the_next_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.4) as made:
        made.replay.faults = lambda path, params: GARBAGE if path == "/movie/9007" else None
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        found = evaluations_of(result)
        assert set(failed_checks(result)) == {
            "raw_details.contract",
            "raw_details.details_complete",
            "dim_movie.films_have_details",
        }
        assert [
            row.data["movie_id"] for row in found["dim_movie.films_have_details"].metadata["movie_ids"].records
        ] == ["9007"]
        assert list(metadata_of(result, "raw_details")["failed"]) == ["9007"]
        assert made.rows("select part, reasons -> 0 ->> 'rule' from rejected_row") == [
            ("film 9007", "answer is readable")
        ]
        bare = made.rows("select title, runtime_minutes, details_date from dim_movie where movie_id = 9007")
        assert bare == [("Film 9007", None, None)]
        assert made.value("select count(*) from fact_movie_daily") == FILMS

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert made.replay.paths == ["/movie/9007"]
        assert_green(result)
        assert made.value("select count(*) from rejected_row") == 0
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))
