"""Postgres or the process of a run gone amid the work: one line, nothing lost, and the next run goes on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus

from tmdb_assets.instance.launcher import PROCESS_TAG, WorkerStatus, close_dead_runs, is_dead, this_process
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.data_folder import run_pg_ctl
from tmdb_assets.warehouse.server.open import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.platform import command_environment

DEADLINE_S = 180  # a busy machine takes long to start a process
# A run that nobody gave a tag, as the UI and the schedule start theirs: it says its id, and then works for ever.
ENDLESS_RUN = """
import sys
from dagster import DagsterInstance, asset, materialize
@asset
def endless(context):
    print(context.run.run_id, flush=True)
    sys.stdin.read()
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with DagsterInstance.from_config(sys.argv[1]) as instance:
    materialize([endless], instance=instance, run_config=quiet)
"""


def wait_for(condition):
    deadline, tick = time.monotonic() + DEADLINE_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        tick.wait(0.02)


@pytest.fixture
def home(tmp_path, database, monkeypatch):
    """A folder for Dagster with the project's own dagster.yaml, on the test server."""
    chosen = Settings.load(tmdb_token="t", warehouse_url=render_url(database))
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    monkeypatch.setenv("WAREHOUSE_URL", render_url(database))
    monkeypatch.setenv("TMDB_TOKEN", "t")
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        close_dead_runs(instance)  # tests before this one killed runs, and Dagster's storage is the server's
    return tmp_path


@pytest.fixture
def endless(home):
    """The process of a run that is under way, and the run's id."""
    command = [sys.executable, "-W", "ignore", "-c", ENDLESS_RUN, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        assert run_id
        yield process, run_id
        process.kill()


def test_a_run_whose_process_was_killed_is_closed_and_a_live_one_is_not(home, endless):
    process, run_id = endless
    with DagsterInstance.from_config(str(home)) as instance:
        launcher = instance.run_launcher
        assert launcher.supports_check_run_worker_health
        run = instance.get_run_by_id(run_id)
        assert (run.status, f":{process.pid}:" in run.tags[PROCESS_TAG]) == (DagsterRunStatus.STARTED, True)
        assert close_dead_runs(instance) == []
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING

        process.kill()  # and not waited for: a process that nobody asks after stays as a zombie
        wait_for(lambda: launcher.check_run_worker_health(run).status is WorkerStatus.FAILED)
        assert close_dead_runs(instance) == [run_id]
        assert instance.get_run_by_id(run_id).status is DagsterRunStatus.FAILURE
        assert close_dead_runs(instance) == []
        (last, *_) = instance.get_records_for_run(run_id, ascending=False, limit=1).records
        assert last.event_log_entry.dagster_event.message.endswith(f"({run.tags[PROCESS_TAG]}) died.")


def test_a_run_that_repeats_another_is_not_taken_for_it(home, endless):
    process, run_id = endless
    with DagsterInstance.from_config(str(home)) as instance:
        process.kill()
        process.wait()
        dead = instance.get_run_by_id(run_id)
        assert is_dead(dead.tags[PROCESS_TAG])
        repeated = instance.add_run(dead.with_status(DagsterRunStatus.CANCELING)._replace(run_id="repeated"))
        try:
            assert close_dead_runs(instance) == [run_id]
            assert instance.get_run_by_id("repeated").status is DagsterRunStatus.CANCELING
        finally:
            instance.delete_run(repeated.run_id)


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the start of a process is kept as a time of day")
def test_a_clock_that_is_set_kills_no_run(monkeypatch, tmp_path):
    named = this_process()
    started = psutil.Process().create_time()
    # A clock that was put back an hour, as Linux then tells it: the machine seems to have started an hour earlier.
    stat = Path("/proc/stat").read_text()
    (tmp_path / "stat").write_text(re.sub(r"btime (\d+)", lambda found: f"btime {int(found[1]) - 3600}", stat))
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert started - psutil.Process().create_time() == pytest.approx(3600, abs=1)
    assert not is_dead(named)


def test_what_cannot_be_judged_counts_as_alive():
    host, pid, start = this_process().rsplit(":", 2)
    assert not is_dead(this_process())
    assert is_dead(f"{host}:{pid}:{float(start) - 1:.0f}")  # the id belongs to another process now
    assert not is_dead(f"elsewhere:{pid}:1")
    assert not is_dead(None)


@pytest.fixture
def own_server():
    """A server that the test may kill, with the address of a warehouse on it."""
    with restarts.own_server() as made:
        yield made.postgres, made.url


def start(url, replay, *arguments):
    lines = "from tmdb_assets.warehouse.server import reconnect; reconnect.PATIENCE_S = 1.0\n"  # 19 s less
    lines += "from tmdb_assets.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", lines, *arguments],
        env=command_environment(url, replay),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_postgres_gone_amid_a_run_is_told_in_one_line_and_the_next_run_finishes(own_server):
    server, url = own_server
    many = catalogue([film(1 + number) for number in range(300)])
    held, go_on = threading.Event(), threading.Event()

    def hold_at_a_film(path, _params):
        if path == "/movie/200":
            held.set()
            go_on.wait(DEADLINE_S)
            return Fault(status=503)
        return None

    with ReplayServer(many, faults=hold_at_a_film) as replay:
        run = start(url, replay, "run")
        wait_for(lambda: held.is_set() or run.poll() is not None)
        run_pg_ctl(server.data_dir, "stop", "-m", "immediate")
        replay.faults = None
        go_on.set()
        said, complained = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 1, said + complained
    (line,) = complained.splitlines()
    assert line.startswith(f"Postgres at {url.query['host']}:5432/films went away (")
    assert line.endswith("). What was stored is kept; run again to go on.")
    assert "Traceback" not in said
    assert "Retrying" not in said

    server.start()
    warehouse = Warehouse(url=url)
    tables = Tables(warehouse)
    assert tables.value("select count(*) from raw_discover") == 300
    with ReplayServer(many) as replay:
        run = start(url, replay, "run")
        said, complained = run.communicate(timeout=DEADLINE_S)
        assert (run.returncode, complained) == (0, ""), said + complained
        assert "/discover/movie" not in replay.paths
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: many}))
    warehouse.close()
    engine = sa.create_engine(url.set(database="dagster"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        statuses = connection.scalars(sa.text("select status from runs order by id")).all()
    assert statuses == ["FAILURE", "SUCCESS"]


def test_a_server_whose_stop_is_interrupted_says_so_without_a_stack_trace(own_server, monkeypatch, capsys):
    server, _ = own_server

    def interrupted():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(server, "_stop", interrupted)
        server.leave()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tmdb-assets: interrupted while the embedded Postgres in ")
    server.start()  # and the next to leave stops it
    server.leave()
    assert not (server.data_dir / "postmaster.pid").exists()
