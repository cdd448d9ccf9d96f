"""A run whose process died is closed; one that is alive, or cannot be judged, is not."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from tmdb_assets.instance.launcher import PROCESS_TAG, WorkerStatus, close_dead_runs, is_dead, this_process
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.stage.command import PYTHON, start
from tmdb_assets_tests.stage.waiting import wait_until

# A run started without tags, like those of the UI and the schedule: it prints its id and then runs for ever.
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


@pytest.fixture
def home(tmp_path, database, monkeypatch):
    """Dagster's home with the project's own dagster.yaml, on the test server."""
    chosen = Settings.load(tmdb_token="t", warehouse_url=render_url(database))
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    monkeypatch.setenv("WAREHOUSE_URL", render_url(database))
    monkeypatch.setenv("TMDB_TOKEN", "t")
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        close_dead_runs(instance)  # earlier tests killed runs, and all of them share the server's storage
    return tmp_path


@pytest.fixture
def endless(home):
    """The process of a run in progress, and the run's id."""
    with start(os.environ, str(home), program=(*PYTHON, "-c", ENDLESS_RUN)) as process:
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

        process.kill()  # without waiting for it, so that it stays a zombie
        assert wait_until(lambda: launcher.check_run_worker_health(run).status is WorkerStatus.FAILED)
        assert close_dead_runs(instance) == [run_id]
        assert instance.get_run_by_id(run_id).status is DagsterRunStatus.FAILURE
        assert close_dead_runs(instance) == []
        (last, *_) = instance.get_records_for_run(run_id, ascending=False, limit=1).records
        assert last.event_log_entry.dagster_event.message.endswith(f"({run.tags[PROCESS_TAG]}) died.")


def test_a_cancelled_run_whose_process_died_first_ends_as_cancelled(home, endless):
    process, run_id = endless
    with DagsterInstance.from_config(str(home)) as instance:
        instance.report_run_canceling(instance.get_run_by_id(run_id))
        process.kill()
        process.wait()
        assert close_dead_runs(instance) == [run_id]
        assert instance.get_run_by_id(run_id).status is DagsterRunStatus.CANCELED


def test_a_run_that_repeats_another_is_not_closed_with_it(home, endless):
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


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the start of a process is a time of day")
def test_setting_the_clock_closes_no_run(monkeypatch, tmp_path):
    named = this_process()
    started = psutil.Process().create_time()
    # How Linux reports a clock that was set back an hour: the machine seems to have started an hour earlier.
    stat = Path("/proc/stat").read_text()
    (tmp_path / "stat").write_text(re.sub(r"btime (\d+)", lambda found: f"btime {int(found[1]) - 3600}", stat))
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert started - psutil.Process().create_time() == pytest.approx(3600, abs=1)
    assert not is_dead(named)


def test_a_process_that_cannot_be_judged_counts_as_alive():
    host, pid, start = this_process().rsplit(":", 2)
    assert not is_dead(this_process())
    assert is_dead(f"{host}:{pid}:{float(start) - 1:.0f}")  # the id belongs to another process now
    assert not is_dead(f"elsewhere:{pid}:1")
    assert not is_dead(None)
