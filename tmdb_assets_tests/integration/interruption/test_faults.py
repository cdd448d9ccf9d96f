"""TMDb at its worst: what a run says, what it keeps, and what the next one still asks."""

from __future__ import annotations

import datetime as dt
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay import GARBAGE, Fault, ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import discover_item
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, state_of
from tmdb_assets_tests.stage.many_days import asked_films, asked_pages
from tmdb_assets_tests.stage.platform import (
    checks_of,
    command_environment,
    evaluations_of,
    failures_of,
    metadata_of,
    platform,
)

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films())  # ten pages
PAGES, FILMS = 10, len(CATALOGUE.films)
DEADLINE_S = 60


def test_details_that_stay_garbage_leave_the_film_to_the_next_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.4) as made:
        made.replay.faults = lambda path, params: GARBAGE if path == "/movie/9007" else None
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        found = evaluations_of(result)
        assert {name for name, passed in checks_of(result).items() if not passed} == {
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
        assert [name for name, passed in checks_of(result).items() if not passed] == []
        assert made.value("select count(*) from rejected_row") == 0
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


def test_a_refused_token_stops_the_run_in_one_line_and_writes_nothing(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_token="another-token") as made:
        result = made.run(DAY)
        assert not result.success
        (line,) = set(failures_of(result))  # each fetching step says it, and in the same words
        assert line.startswith("TMDb refused the token (401, code 7)")
        assert "set TMDB_TOKEN to the v4 read access token" in line
        assert "\n" not in line
        assert "another-token" not in line
        assert made.counts() == {}
        assert len(made.replay.asked) == 1


def closed_port():
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_an_unreachable_api_is_told_in_one_line_and_what_was_stored_is_kept(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.run(DAY, charts=False)
    kept = state_of(made), made.counts()
    nowhere = f"http://127.0.0.1:{closed_port()}/3"
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_api_url=nowhere, retry_seconds=0.3) as made:
        result = made.run(DAY + dt.timedelta(days=1))
        assert not result.success
        (line,) = set(failures_of(result))
        assert line.startswith("127.0.0.1:")
        assert "cannot be reached" in line
        assert "connection refused" in line
        assert "What is already stored is kept; check the network, TMDB_API_URL" in line
        assert "\n" not in line
        assert (state_of(made), made.counts()) == kept


def test_tmdb_down_amid_the_details_leaves_the_day_its_facts_and_the_next_run_asks_the_rest(warehouse, monkeypatch):
    answered, lock = [], threading.Lock()

    def down_after_a_hundred(path, params):
        with lock:
            answered.extend([path] if path.startswith("/movie/") else [])
            return Fault(status=503) if len(answered) > 100 else None

    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = down_after_a_hundred
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        stored = made.column("select movie_id from raw_details")
        assert 0 < len(stored) <= 100
        check = evaluations_of(result)["raw_details.details_complete"]
        assert (check.passed, check.severity.value, check.blocking) == (False, "ERROR", False)
        assert "\n" not in check.description
        assert "answers with faults" in check.description
        assert "503 Service Unavailable" in check.description
        assert "What is already stored is kept; run again later to go on from there." in check.description
        assert (
            f"{FILMS - len(stored)} of the {FILMS} films whose details were due on {DAY} gave none" in check.description
        )
        assert not checks_of(result)["raw_export.export_stored"]
        assert made.value("select count(*) from fact_movie_daily where source = 'discover'") == FILMS

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        assert [name for name, passed in checks_of(result).items() if not passed] == []
        assert asked_pages(made.replay) == []
        assert asked_films(made.replay) == sorted(set(CATALOGUE.films) - set(stored))
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


@pytest.mark.parametrize(("broken", "refused"), [(10, False), (11, True)])
def test_more_than_a_twentieth_of_broken_rows_writes_nothing(warehouse, monkeypatch, broken, refused):
    items = [discover_item(payload["id"], payload) for payload in CATALOGUE.films.values()]
    bad = [{**item, "popularity": None} if place < broken else item for place, item in enumerate(items)]
    with platform(warehouse, CATALOGUE.but(listing=bad), monkeypatch) as made:
        result = made.run(DAY, charts=False)
        assert result.success is not refused
        check = evaluations_of(result)["raw_discover.contract"]
        assert (check.passed, check.severity.value) == (False, "ERROR" if refused else "WARN")
        written = {name: rows for name, rows in made.counts().items() if not name.startswith(("raw_ref", "fetch"))}
        if refused:
            assert failures_of(result) == [
                "raw_discover: 11 of 200 rows (5.5%) broke their contract, over the 5% allowed. Nothing was written."
            ]
            assert set(written) <= {"country_continent", "dim_date"}
        else:
            assert (written["raw_discover"], written["rejected_row"]) == (190, 10)


def start_run(database, replay):
    """The command `run` in a process of its own, against this database and server."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tmdb_assets.cli.main", "run"],
        env=command_environment(database, replay),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition):
    deadline, tick = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        tick.wait(0.02)


def statuses(database):
    """The runs in Dagster's storage beside the warehouse, by id."""
    engine = sa.create_engine(database.set(database="dagster"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return dict(tuple(row) for row in connection.execute(sa.text("select run_id, status from runs")))


def test_a_killed_run_is_gone_on_with_by_the_next(database, warehouse):
    if dt.datetime.now(dt.UTC).time() > dt.time(23, 58):
        pytest.skip("midnight UTC is near: the second run would belong to another day")
    tables, many = Tables(warehouse), catalogue([film(1 + n) for n in range(600)])
    tables.counts()  # brings the schema up
    held, lock, asked = threading.Event(), threading.Lock(), []

    def hold_after_four_hundred(path, params):
        if path.startswith("/movie/"):
            with lock:
                asked.append(path)
            if len(asked) > 400:
                held.set()
                return Fault(delay=DEADLINE_S)
        return None

    with ReplayServer(many, faults=hold_after_four_hundred) as replay:
        first = start_run(database, replay)
        try:
            wait_for(lambda: (held.is_set() and tables.counts().get("raw_details")) or first.poll() is not None)
        finally:
            first.send_signal(signal.SIGKILL)
            said, _ = first.communicate(timeout=DEADLINE_S)
        assert first.returncode == -signal.SIGKILL, said
        (dead,) = [run_id for run_id, status in statuses(database).items() if status == "STARTED"]
    stored = tables.column("select movie_id from raw_details")
    assert 250 <= len(stored) < 600
    assert tables.value("select count(*) from fact_movie_daily") == 0

    with ReplayServer(many) as replay:
        second = start_run(database, replay)
        said, _ = second.communicate(timeout=DEADLINE_S)
        assert second.returncode == 0, said
        assert asked_pages(replay) == []
        assert asked_films(replay) == sorted(set(many.films) - set(stored))
        assert f": {len(replay.asked)} requests, " in said
    assert statuses(database)[dead] == "FAILURE"
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: many}))
