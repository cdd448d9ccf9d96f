"""SIGKILL at several moments of a day's run: the next run requests only the rest and ends in the same tables."""

from __future__ import annotations

import datetime as dt
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, copied_warehouse
from tmdb_assets_tests.stage.command import WITHOUT_PICTURES, command_environment, finish, run, start
from tmdb_assets_tests.stage.many_days import asked_films, asked_pages, content_of, export_day
from tmdb_assets_tests.stage.platform import Platform, checks_of, evaluations_of, failures_of, platform
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.usefixtures("far_from_midnight")

CATALOGUE = catalogue([film(1 + n) for n in range(700)])  # 35 pages: more than one batch of pages
PAGES, REFERENCE, EXPORT = 35, 3, 1
HELD = Fault(delay=PATIENCE_S)


@dataclass(frozen=True)
class Moment:
    """When the process is killed: a request is held without an answer, or a table has its first rows."""

    holds: Callable[[str, dict[str, str], int], bool]
    has_rows: str
    kept_pages: range
    kept_films: range


# In `holds`, `count` counts the requests of that path's kind.
MOMENTS = {
    "during discover": Moment(
        lambda path, params, count: path == "/discover/movie" and count > 30, "raw_discover", range(25, 31), range(1)
    ),
    "during the export": Moment(
        lambda path, params, count: export_day(path) is not None,
        "raw_details",
        range(PAGES, PAGES + 1),
        range(250, 701),
    ),
    "during the load": Moment(lambda path, params, count: False, "dim_movie", range(PAGES, PAGES + 1), range(700, 701)),
}


class Holding:
    """A fault hook that holds the requests of a moment and signals the first."""

    def __init__(self, holds: Callable[[str, dict[str, str], int], bool]) -> None:
        self._holds, self._lock, self._counts = holds, threading.Lock(), Counter[str]()
        self.holds = threading.Event()

    def __call__(self, path, params):
        with self._lock:
            self._counts[path.rpartition("/")[0] or path] += 1
            count = self._counts[path.rpartition("/")[0] or path]
        if not self._holds(path, params, count):
            return None
        self.holds.set()
        return HELD


def kill_when(process: subprocess.Popen[str], has_come: Callable[[], object]) -> None:
    """Kill a run at a moment; fails when the run ends before it."""
    try:
        wait_until(lambda: has_come() or process.poll() is not None, every=0.02)
        assert process.poll() is None, process.communicate()
        assert has_come(), "the moment did not come"
    finally:
        process.kill()
        finish(process)


def has_rows(tables, name):
    return tables.value(f"select exists (select from {name})")


def stored_pages(tables):
    return {page for pages in tables.column("select stored_pages from fetch_log") for page in pages}


@pytest.mark.long
@pytest.mark.parametrize("name", MOMENTS)
def test_a_killed_run_is_resumed_by_the_next(database, warehouse, monkeypatch, name):
    moment, tables = MOMENTS[name], Tables(warehouse)
    tables.counts()  # brings the schema up
    hook = Holding(moment.holds)
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        kill_when(
            start(command_environment(database, replay), "run"),
            lambda: (hook.holds.is_set() or moment.has_rows == "dim_movie") and has_rows(tables, moment.has_rows),
        )
        first = replay.requests
    pages = stored_pages(tables)
    films = set(tables.column("select movie_id from raw_details"))
    lists = tables.value("select count(*) from fetch_log where kind in ('genre', 'country', 'language')")
    has_export = tables.value("select count(*) from fetch_log where kind = 'export' and finished_at is not null")
    assert len(pages) in moment.kept_pages
    assert len(films) in moment.kept_films
    assert tables.value("select count(*) from fact_movie_daily") == 0

    today = partitions.today()
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        assert failures_of(made.run(today, charts=False)) == []
        assert asked_pages(made.replay) == sorted(set(range(1, PAGES + 1)) - pages)
        assert asked_films(made.replay) == sorted(set(CATALOGUE.films) - films)
        second = made.replay.requests
        assert sum(second[kind] for kind in ("genres", "countries", "languages")) == REFERENCE - lists
        assert second["export"] == EXPORT - has_export
        assert second["changes"] == 0
        assert_tables_equal(made, expected.star({today: CATALOGUE}))
        assert made.value("select count(*) from raw_export") == 700
        # Nothing is left to request; all requests are counted except those in flight when the first run died.
        made.replay.reset()
        assert failures_of(made.run(today, charts=False)) == []
        assert made.replay.asked == []
        counted = made.value("select n_requests from vw_load_status")
        assert second.total() < counted <= first.total() + second.total()


def statuses(database):
    """The status of each run in Dagster's storage, by id."""
    engine = sa.create_engine(database.set(database="dagster"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return dict(tuple(row) for row in connection.execute(sa.text("select run_id, status from runs")))


@pytest.mark.long
def test_a_run_killed_during_details_is_closed_and_resumed_by_the_next_command(database, warehouse):
    tables = Tables(warehouse)
    tables.counts()  # brings the schema up
    hook = Holding(lambda path, params, count: path.startswith("/movie/") and count > 400)
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        first = start(command_environment(database, replay), "run")
        kill_when(first, lambda: hook.holds.is_set() and has_rows(tables, "raw_details"))
    (dead,) = [run_id for run_id, status in statuses(database).items() if status == "STARTED"]
    stored = tables.column("select movie_id from raw_details")
    assert 250 <= len(stored) <= 400
    assert tables.value("select count(*) from fact_movie_daily") == 0

    with ReplayServer(CATALOGUE) as replay:
        second = run(command_environment(database, replay), "run", program=WITHOUT_PICTURES)
        assert (second.returncode, second.stderr) == (0, ""), second.stdout
        assert asked_pages(replay) == []
        assert asked_films(replay) == sorted(set(CATALOGUE.films) - set(stored))
        assert f"({len(replay.asked)} requests, " in second.stdout
    assert statuses(database)[dead] == "FAILURE"
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: CATALOGUE}))


@pytest.mark.long
def test_a_day_killed_while_more_pages_are_requested_is_not_complete(database, warehouse, monkeypatch):
    today, tables = partitions.today(), Tables(warehouse)
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=2) as made:
        assert failures_of(made.run(today, charts=False)) == []
    monkeypatch.undo()
    hook = Holding(lambda path, params, count: path == "/discover/movie" and count > 28)
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        process = start(command_environment(database, replay, TMDB_PAGES="100"), "run")
        kill_when(process, lambda: hook.holds.is_set() and len(stored_pages(tables)) > 2)
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


@pytest.mark.long
def test_the_list_of_due_films_survives_a_kill(server, database, warehouse, monkeypatch):
    """A second day killed during details: its change lists are not requested again, only the missing films are."""
    today = partitions.today()
    before = today - dt.timedelta(days=1)
    old = catalogue(sound_films(60))
    new = catalogue([{**made, "title": f"New {made['id']}"} for made in old.films.values()])
    edited = sorted(new.films)[:40]
    with platform(warehouse, old, monkeypatch) as made:
        assert failures_of(made.run(before, charts=False)) == []
    monkeypatch.undo()
    hook = Holding(lambda path, params, count: path.startswith("/movie/9") and count > 20)
    tables = Tables(warehouse)
    with ReplayServer(new.but(changed=edited), faults=hook) as replay:
        kill_when(start(command_environment(database, replay), "run"), hook.holds.is_set)
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


@pytest.mark.long
def test_a_killed_crawl_of_the_whole_catalogue_resumes_within_its_slice(database, warehouse, monkeypatch):
    """The catalogue is one slice, with more pages than a batch."""
    tables, films = Tables(warehouse), "select count(*) from raw_discover"
    tables.counts()  # brings the schema up
    hook = Holding(MOMENTS["during discover"].holds)
    with ReplayServer(CATALOGUE, faults=hook) as replay:
        process = start(command_environment(database, replay, TMDB_PAGES="all"), "run")
        kill_when(process, lambda: hook.holds.is_set() and tables.value(films) > 0)
        stored = tables.column("select distinct (rank - 1) / 20 + 1 from raw_discover")
        assert 20 <= len(stored) < PAGES

        replay.faults = None
        replay.reset()
        graph = Platform(warehouse, replay, monkeypatch, tmdb_pages="all")
        result = graph.run(partitions.today(), only=("raw_discover",))
        graph.close()
        assert failures_of(result) == []
        assert asked_pages(replay) == sorted(set(range(1, PAGES + 1)) - set(stored))
        assert graph.value(films) == 700
        assert graph.value("select count(*) from fetch_slice where finished_at is null") == 0
        assert checks_of(result)["raw_discover.pages_complete"]
