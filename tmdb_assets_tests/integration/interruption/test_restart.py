"""Postgres restarts amid a run: the run goes on by itself and ends right, wherever the restart hits it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import psycopg
import pytest
import sqlalchemy as sa
from dagster import RetryRequested, asset, materialize

from tmdb_assets.assets.retries import RETRIES, retried_after_outage
from tmdb_assets.fetch.details import FILMS_A_BATCH
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets.warehouse.server.open import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import QUIET, command_environment
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.restarts import OwnServer, own_server
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = needs_embedded

DEADLINE_S = 90
FILMS = catalogue(sound_films(600))
STORED = FILMS_A_BATCH
HELD_FROM = STORED + 10  # the request of details from which on nobody is answered: the first batch is full before
IN_FLIGHT = 64 + 2  # requests of the client's threads when it is told to stop
BLOCKED = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    with own_server() as made:
        yield made


@pytest.fixture
def url(own: OwnServer) -> sa.URL:
    """A warehouse of the test's own, which the run creates."""
    return own.url.set(database=f"films_{next(_numbers)}")


class Holding:
    """A fault hook: from the n-th request of details on, nobody is answered until `go_on` is set."""

    def __init__(self, first: int) -> None:
        self._numbers, self._first = itertools.count(1), first
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, path: str, _params: Mapping[str, str]) -> Fault | None:
        if path.startswith("/movie/") and path != "/movie/changes" and next(self._numbers) >= self._first:
            self.reached.set()
            self.go_on.wait(DEADLINE_S)
        return None


def start(url: sa.URL, replay: ReplayServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tmdb_assets.cli.main", "run"],
        env=command_environment(url, replay),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_ended_right(run: subprocess.Popen[str], url: sa.URL) -> str:
    """The command succeeded without a word on the outage, and every row is right; returns what it said."""
    said, complained = run.communicate(timeout=DEADLINE_S)
    assert (run.returncode, complained) == (0, ""), said + complained
    assert "0 failed" in said
    warehouse = Warehouse(url=url)
    tables = Tables(warehouse)
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: FILMS}))
    warehouse.close()
    with psycopg.connect(render_url(url.set(database="dagster"))) as connection:
        query = "select status from runs order by id desc limit 1"
        assert connection.execute(query).fetchone() == ("SUCCESS",)
    return said


def retried_steps(url: sa.URL) -> set[str]:
    """The steps of the last run that Dagster ran again."""
    query = """
        select distinct step_key from event_logs where dagster_event_type = 'STEP_UP_FOR_RETRY'
        and run_id = (select run_id from runs order by id desc limit 1)
    """
    with psycopg.connect(render_url(url.set(database="dagster"))) as connection:
        return {row[0] for row in connection.execute(query)}


def test_amid_fetching_nobody_asks_without_the_lock(own: OwnServer, url: sa.URL) -> None:
    holding = Holding(HELD_FROM)
    with ReplayServer(FILMS, holding) as replay:
        run = start(url, replay)
        assert holding.reached.wait(DEADLINE_S), run.poll()
        with psycopg.connect(render_url(url), autocommit=True) as watcher:
            stored = "select count(*) from raw_details"
            assert wait_until(lambda: watcher.execute(stored).fetchone() == (STORED,), DEADLINE_S)
        own.restart("fast")
        again = time.monotonic()
        holding.go_on.set()
        assert_ended_right(run, url)
        asked = [each.at for each in replay.asked if each.kind == "details"]
    assert retried_steps(url) == {"raw_details"}
    # What was on its way when the restart was noticed; then a pause, and then the retry, which has the lock again.
    since = [again, *(at for at in asked if at > again)]
    pause, begins = max((after - before, after) for before, after in pairwise(since))
    assert pause >= 1
    assert len([at for at in since if again < at < begins]) <= IN_FLIGHT
    assert len(asked) < len(FILMS.listing) + STORED  # what was stored is not asked again


def blocked_by(url: sa.URL, statement: str) -> tuple[psycopg.Connection, Callable[[], bool]]:
    """A session that holds a lock by this statement, and whether somebody waits for one."""
    holder = psycopg.connect(render_url(url))
    holder.execute(statement)
    watcher = psycopg.connect(render_url(url), autocommit=True)
    return holder, lambda: watcher.execute(BLOCKED).fetchone() != (0,)


@pytest.mark.parametrize(
    ("mode", "database", "table", "retried"),
    [
        ("immediate", None, "dim_movie", {"dim_movie"}),  # amid a load
        ("fast", "dagster", "asset_keys", set()),  # between steps: while Dagster notes what the last one made
    ],
)
def test_amid_a_statement(
    own: OwnServer, url: sa.URL, mode: str, database: str | None, table: str, retried: set[str]
) -> None:
    holding = Holding(HELD_FROM)
    with ReplayServer(FILMS, holding) as replay:
        run = start(url, replay)
        assert holding.reached.wait(DEADLINE_S), run.poll()
        where = url if database is None else url.set(database=database)
        _, is_blocked = blocked_by(where, f"lock table {table} in share mode")
        holding.go_on.set()
        assert wait_until(is_blocked, DEADLINE_S)
        own.restart(mode)
        assert_ended_right(run, url)
        assert len([each for each in replay.asked if each.kind == "details"]) == len(FILMS.listing)
    assert retried_steps(url) == retried


def run_step(fails_with: list[Exception]) -> tuple[bool, int]:
    """Run a step that fails with these errors, one at each try; whether the run succeeded, and how often it tried."""
    tries = []

    @asset
    @retried_after_outage
    def table():
        tries.append(1)
        if len(tries) <= len(fails_with):
            raise fails_with[len(tries) - 1]

    with memory_instance() as instance:
        result = materialize([table], instance=instance, raise_on_error=False, run_config=QUIET)
    return result.success, len(tries)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the seconds between them."""
    monkeypatch.setattr("tmdb_assets.assets.retries.RETRY_AFTER_S", 0)


@pytest.mark.usefixtures("at_once")
def test_only_an_outage_is_tried_again_and_not_for_ever() -> None:
    gone = psycopg.errors.AdminShutdown("terminating connection due to administrator command")
    wrapped = sa.exc.OperationalError("select 1", {}, gone)
    wrapped.__cause__ = gone
    assert run_step([wrapped]) == (True, 2)
    assert run_step([gone] * 10) == (False, RETRIES + 1)
    for other in (
        ValueError("a fault"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.UniqueViolation("duplicate key"),
        psycopg.errors.DiskFull("no space left"),
    ):
        assert run_step([other]) == (False, 1), other


def test_the_request_keeps_its_cause() -> None:
    gone = psycopg.OperationalError("the connection is lost")

    @retried_after_outage
    def steps():
        yield 1
        raise gone

    events = steps()
    assert next(events) == 1
    with pytest.raises(RetryRequested) as caught:
        next(events)
    assert caught.value.__cause__ is gone
