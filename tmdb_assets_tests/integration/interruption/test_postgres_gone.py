"""Postgres restarts or stops during a run: the run resumes or ends with one line, and every row is right."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.fetch.details import FILMS_A_BATCH
from tmdb_assets.warehouse.server.data_folder import run_pg_ctl
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal
from tmdb_assets_tests.stage.command import DRAW_NOTHING, PYTHON, WITHOUT_PICTURES, command_environment, finish, start
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.restarts import OwnServer, own_server
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

pytestmark = needs_embedded

FILMS = catalogue(sound_films(600))
STORED = FILMS_A_BATCH
HELD_FROM = STORED + 10  # details requests from this number on get no answer; the first batch is full before
IN_FLIGHT = 64 + 2  # requests of the client's threads when it stops
BLOCKED = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    with own_server() as made:
        yield made


@pytest.fixture
def url(own: OwnServer) -> sa.URL:
    """A warehouse for one test, which the run creates."""
    return own.url.set(database=f"films_{next(_numbers)}")


class Holding:
    """A fault hook: from the n-th request of details on, no request is answered until `resume` is set."""

    def __init__(self, first: int) -> None:
        self._numbers, self._first = itertools.count(1), first
        self.reached, self.resume = threading.Event(), threading.Event()

    def __call__(self, path: str, _params: Mapping[str, str]) -> Fault | None:
        if path.startswith("/movie/") and path != "/movie/changes" and next(self._numbers) >= self._first:
            self.reached.set()
            self.resume.wait(PATIENCE_S)
        return None


def assert_ended_right(run: subprocess.Popen[str], url: sa.URL) -> None:
    """The command succeeded without mentioning the outage, and every row is right."""
    done = finish(run)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert " checks passed (" in done.stdout
    warehouse = Warehouse(url=url)
    tables = Tables(warehouse)
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: FILMS}))
    warehouse.close()
    assert statuses(url)[-1] == "SUCCESS"


def retried_steps(url: sa.URL) -> set[str]:
    """The steps of the last run that Dagster ran again."""
    query = """
        select distinct step_key from event_logs where dagster_event_type = 'STEP_UP_FOR_RETRY'
        and run_id = (select run_id from runs order by id desc limit 1)
    """
    with psycopg.connect(render_url(url.set(database="dagster"))) as connection:
        return {row[0] for row in connection.execute(query)}


@pytest.mark.long
def test_no_request_is_sent_without_the_lock_during_a_restart(own: OwnServer, url: sa.URL) -> None:
    holding = Holding(HELD_FROM)
    with ReplayServer(FILMS, holding) as replay:
        run = start(command_environment(url, replay), "run", program=WITHOUT_PICTURES)
        assert holding.reached.wait(PATIENCE_S), run.poll()
        with psycopg.connect(render_url(url), autocommit=True) as watcher:
            stored = "select count(*) from raw_details"
            assert wait_until(lambda: watcher.execute(stored).fetchone() == (STORED,))
        own.restart("fast")
        again = time.monotonic()
        holding.resume.set()
        assert_ended_right(run, url)
        asked = [each.at for each in replay.asked if each.kind == "details"]
    assert retried_steps(url) == {"raw_details"}
    # Requests in flight when the restart was noticed; then a pause, and then the retry, which has the lock again.
    since = [again, *(at for at in asked if at > again)]
    pause, begins = max((after - before, after) for before, after in pairwise(since))
    assert pause >= 1
    assert len([at for at in since if again < at < begins]) <= IN_FLIGHT
    assert len(asked) < len(FILMS.listing) + STORED  # what was stored is not requested again


def statuses(url: sa.URL) -> list[str]:
    with psycopg.connect(render_url(url.set(database="dagster"))) as connection:
        return [row[0] for row in connection.execute("select status from runs order by id")]


def blocked_by(url: sa.URL, statement: str) -> tuple[psycopg.Connection, Callable[[], bool]]:
    """A session that holds a lock by this statement, and a function that says whether another session waits for one."""
    holder = psycopg.connect(render_url(url))
    holder.execute(statement)
    watcher = psycopg.connect(render_url(url), autocommit=True)
    return holder, lambda: watcher.execute(BLOCKED).fetchone() != (0,)


@pytest.mark.long
@pytest.mark.parametrize(
    ("mode", "database", "table", "retried"),
    [
        ("immediate", None, "dim_movie", {"dim_movie"}),  # during a load
        ("fast", "dagster", "asset_keys", set()),  # between steps: while Dagster records a materialization
    ],
)
def test_a_restart_during_a_statement(
    own: OwnServer, url: sa.URL, mode: str, database: str | None, table: str, retried: set[str]
) -> None:
    holding = Holding(HELD_FROM)
    with ReplayServer(FILMS, holding) as replay:
        run = start(command_environment(url, replay), "run", program=WITHOUT_PICTURES)
        assert holding.reached.wait(PATIENCE_S), run.poll()
        where = url if database is None else url.set(database=database)
        _, is_blocked = blocked_by(where, f"lock table {table} in share mode")
        holding.resume.set()
        assert wait_until(is_blocked)
        own.restart(mode)
        assert_ended_right(run, url)
        assert len([each for each in replay.asked if each.kind == "details"]) == len(FILMS.listing)
    assert retried_steps(url) == retried


@pytest.mark.long
def test_a_run_waits_for_a_server_that_became_read_only(own: OwnServer, url: sa.URL) -> None:
    """As in a failover: no session can write for a while, neither to the warehouse nor to Dagster's database."""
    holding = Holding(HELD_FROM)
    with ReplayServer(FILMS, holding) as replay, psycopg.connect(render_url(url.set(database="postgres"))) as admin:
        admin.autocommit = True
        run = start(command_environment(url, replay), "run")
        assert holding.reached.wait(PATIENCE_S), run.poll()
        admin.execute("alter system set default_transaction_read_only = on")
        admin.execute("alter system set log_connections = on")
        admin.execute("select pg_reload_conf()")
        holding.resume.set()
        # The run leaves a server that it may only read, and connects again until it may write.
        tries, log = "connection received", own.postgres.data_dir / "log"
        assert wait_until(lambda: log.read_text().count(tries) >= 3 or run.poll() is not None)
        assert run.poll() is None
        admin.execute("set default_transaction_read_only = off")
        admin.execute("alter system reset default_transaction_read_only")
        admin.execute("alter system reset log_connections")
        admin.execute("select pg_reload_conf()")
        assert_ended_right(run, url)


# The command, which gives up an outage after 1 s instead of 110, and closes a dead run at once.
IMPATIENT = f"""
from tmdb_assets.instance import run_lock
from tmdb_assets.warehouse.server import reconnect
reconnect.PATIENCE_S, run_lock.LOCAL_SETTLE_S = 1.0, 0.0
{DRAW_NOTHING}
"""


@pytest.mark.long
def test_postgres_that_stays_away_ends_the_run_in_one_line_and_the_next_run_finishes(
    own: OwnServer, url: sa.URL
) -> None:
    holding, impatient = Holding(HELD_FROM), (*PYTHON, "-c", IMPATIENT)
    with ReplayServer(FILMS, holding) as replay:
        running = start(command_environment(url, replay), "run", program=impatient)
        assert holding.reached.wait(PATIENCE_S), running.poll()
        run_pg_ctl(own.postgres.data_dir, "stop", "-m", "immediate")
        holding.resume.set()
        done = finish(running)
    assert done.returncode == 1, done
    assert len(done.stderr.splitlines()) == 1, done
    line = done.stderr.strip()
    assert line.startswith(f"Postgres at {url.query['host']}:5432/{url.database} went away (")
    assert line.endswith("). What is already stored is kept. Run again to resume.")
    assert "Traceback" not in done.stdout
    assert "Retrying" not in done.stdout

    own.postgres.start()
    with psycopg.connect(render_url(url)) as connection:
        assert connection.execute("select count(*) from raw_discover").fetchone() == (len(FILMS.listing),)
    with ReplayServer(FILMS) as replay:
        assert_ended_right(start(command_environment(url, replay), "run", program=impatient), url)
        assert "/discover/movie" not in replay.paths
    assert statuses(url)[-2:] == ["FAILURE", "SUCCESS"]
