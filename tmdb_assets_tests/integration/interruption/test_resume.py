"""SIGKILL at several moments of a day's run: the next run asks only for the rest and ends in the same tables."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tmdb_assets import partitions
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, copied_warehouse
from tmdb_assets_tests.stage.many_days import asked_films, asked_pages, content_of, export_day
from tmdb_assets_tests.stage.platform import command_environment, evaluations_of, failures_of, platform
from tmdb_assets_tests.stage.waiting import wait_until

CATALOGUE = catalogue([film(1 + n) for n in range(700)])  # 35 pages: more than one batch of pages
PAGES, REFERENCE, EXPORT = 35, 3, 1
DEADLINE_S = 60
HELD = Fault(delay=DEADLINE_S)


@pytest.fixture(autouse=True, scope="module")
def far_from_midnight():
    if dt.datetime.now(dt.UTC).time() > dt.time(23, 56):
        pytest.skip("midnight UTC is near: the second run would belong to another day")


@dataclass(frozen=True)
class Moment:
    """When the process is killed: it is held at a request for ever, or a table has come to have rows."""

    holds: Callable[[str, dict[str, str], int], bool]
    has_rows: str
    kept_pages: range
    kept_films: range


# Of `holds`, the number counts the requests of that path's kind.
MOMENTS = {
    "amid discover": Moment(
        lambda path, params, count: path == "/discover/movie" and count > 30, "raw_discover", range(25, 31), range(1)
    ),
    "amid the details": Moment(
        lambda path, params, count: path.startswith("/movie/") and count > 400,
        "raw_details",
        range(PAGES, PAGES + 1),
        range(250, 401),
    ),
    "amid the export": Moment(
        lambda path, params, count: export_day(path) is not None,
        "raw_details",
        range(PAGES, PAGES + 1),
        range(250, 701),
    ),
    "amid the load": Moment(lambda path, params, count: False, "dim_movie", range(PAGES, PAGES + 1), range(700, 701)),
}


class Holding:
    """A fault hook that holds requests as a moment tells, and knows when it holds the first."""

    def __init__(self, moment: Moment) -> None:
        self._moment, self._lock, self._counts = moment, threading.Lock(), Counter[str]()
        self.holds = threading.Event()

    def __call__(self, path, params):
        with self._lock:
            self._counts[path.rpartition("/")[0] or path] += 1
            count = self._counts[path.rpartition("/")[0] or path]
        if not self._moment.holds(path, params, count):
            return None
        self.holds.set()
        return HELD


def start(database, replay, **settings):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tmdb_assets.cli.main", "run"],
        env=command_environment(database, replay, **settings),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_at(moment, database, tables):
    """Start a run and kill it at the moment; returns the requests of its day by kind."""
    hook, pause = Holding(moment), threading.Event()
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        process = start(database, replay)
        deadline = time.monotonic() + DEADLINE_S
        try:
            while process.poll() is None and not (
                tables.counts().get(moment.has_rows) and (hook.holds.is_set() or moment.has_rows == "dim_movie")
            ):
                assert time.monotonic() < deadline, "the moment did not come"
                pause.wait(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == -signal.SIGKILL, said
        return replay.requests


def stored_pages(tables):
    return {page for pages in tables.column("select stored_pages from fetch_log") for page in pages}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_killed_run_is_gone_on_with_by_the_next(database, warehouse, monkeypatch, name):
    moment, tables = MOMENTS[name], Tables(warehouse)
    tables.counts()  # brings the schema up
    first = kill_at(moment, database, tables)
    pages = stored_pages(tables)
    films = set(tables.column("select movie_id from raw_details"))
    lists = tables.value("select count(*) from fetch_log where kind in ('genre', 'country', 'language')")
    has_export = tables.value("select count(*) from fetch_log where kind = 'export' and finished_at is not null")
    assert len(pages) in moment.kept_pages
    assert len(films) in moment.kept_films
    assert tables.value("select count(*) from fact_movie_daily") == 0

    today = partitions.today()
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        result = made.run(today, charts=False)
        assert failures_of(result) == []
        assert asked_pages(made.replay) == sorted(set(range(1, PAGES + 1)) - pages)
        assert asked_films(made.replay) == sorted(set(CATALOGUE.films) - films)
        second = made.replay.requests
        assert sum(second[kind] for kind in ("genres", "countries", "languages")) == REFERENCE - lists
        assert second["export"] == EXPORT - has_export
        assert second["changes"] == 0
        assert_tables_equal(made, expected.star({today: CATALOGUE}))
        assert made.value("select count(*) from raw_export") == 700
        # Nothing is left to ask, and what both runs asked is counted but for what was under way when the first died.
        made.replay.reset()
        assert failures_of(made.run(today, charts=False)) == []
        assert made.replay.asked == []
        counted = made.value("select n_requests from vw_load_status")
        assert second.total() < counted <= first.total() + second.total()


def test_a_day_asked_for_more_pages_and_then_killed_is_not_taken_for_complete(database, warehouse, monkeypatch):
    today, tables = partitions.today(), Tables(warehouse)
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=2) as made:
        assert failures_of(made.run(today, charts=False)) == []
    monkeypatch.undo()
    hook = Holding(Moment(lambda path, params, count: path == "/discover/movie" and count > 28, "", range(0), range(0)))
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        process = start(database, replay, TMDB_PAGES="100")
        try:
            assert hook.holds.wait(DEADLINE_S), "the moment did not come"
            assert wait_until(lambda: len(stored_pages(tables)) > 2, DEADLINE_S), "no batch of pages was stored"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=DEADLINE_S)
    stored = stored_pages(tables)
    assert 2 < len(stored) < PAGES
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=100) as made:
        result = made.run(today, charts=False)
        assert failures_of(result) == []
        assert asked_pages(made.replay) == sorted(set(range(1, PAGES + 1)) - stored)
        assert evaluations_of(result)["raw_discover.pages_complete"].metadata["pages_stored"].value == PAGES
        assert_tables_equal(made, expected.star({today: CATALOGUE}))
        made.replay.reset()
        assert failures_of(made.run(today, charts=False)) == []
        assert made.replay.asked == []


def test_the_list_of_due_films_survives_a_kill(server, database, warehouse, monkeypatch):
    """A second day killed amid its details: its change lists are not asked again, and only the rest is."""
    today = partitions.today()
    before = today - dt.timedelta(days=1)
    old = catalogue(sound_films(60))
    new = catalogue([{**made, "title": f"New {made['id']}"} for made in old.films.values()])
    edited = sorted(new.films)[:40]
    with platform(warehouse, old, monkeypatch) as made:
        assert failures_of(made.run(before, charts=False)) == []
    monkeypatch.undo()
    hook = Holding(
        Moment(lambda path, params, count: path.startswith("/movie/9") and count > 20, "", range(0), range(0))
    )
    tables = Tables(warehouse)
    with ReplayServer(new.but(changed=edited), faults=hook) as replay:
        process = start(database, replay)
        try:
            assert hook.holds.wait(DEADLINE_S), "the moment did not come"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=DEADLINE_S)
        assert replay.requests["changes"] == 2
    stored = tables.column("select movie_id from raw_details where snapshot_date = :day", day=today)
    with platform(warehouse, new.but(changed=edited), monkeypatch) as made:
        assert failures_of(made.run(today, charts=False)) == []
        assert made.replay.requests["changes"] == 0
        assert asked_films(made.replay) == sorted(set(edited) - set(stored))
        found = content_of(made)
    with copied_warehouse(server) as other, platform(other, old, monkeypatch) as made:
        assert failures_of(made.run(before, charts=False)) == []
        assert failures_of(made.fetch_day(today, new.but(changed=edited), charts=False)) == []
        assert content_of(made) == found
