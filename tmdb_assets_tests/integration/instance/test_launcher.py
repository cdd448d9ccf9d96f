"""A run whose process died is closed; one that is alive, or cannot be judged, is not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
import uuid
from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, Definitions, asset, materialize

from tmdb_assets.instance import launcher as launcher_module
from tmdb_assets.instance import run_lock
from tmdb_assets.instance.launcher import (
    DIED,
    HEARTBEAT_S,
    MONITORING,
    MOST_MISSED,
    WorkerStatus,
    close_dead_runs,
    find_dead_runs,
)
from tmdb_assets.instance.run_lock import LOCK_TAG, lock_key
from tmdb_assets.instance.storage import holding_lock
from tmdb_assets.instance.tags import GRPC_INFO_TAG, WILL_RETRY_TAG
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.stage.command import PYTHON, start
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

# A run started without tags, like those of the UI and the schedule: it prints its id and then runs for ever.
ENDLESS_RUN = """
import sys
from dagster import DagsterInstance, Definitions, asset, materialize
@asset
def endless(context):
    print(context.run.run_id, flush=True)
    sys.stdin.read()
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with DagsterInstance.from_config(sys.argv[1]) as instance:
    materialize([endless], instance=instance, run_config=quiet)
"""
SESSIONS = "select pid from pg_stat_activity where application_name like 'tmdb-assets %% run ' || left(%s, 8)"


@pytest.fixture
def home(tmp_path, database, monkeypatch):
    """Dagster's home with the project's own dagster.yaml, on the test server."""
    chosen = Settings.load(tmdb_token="t", warehouse_url=render_url(database))
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    monkeypatch.setenv("WAREHOUSE_URL", render_url(database))
    monkeypatch.setenv("TMDB_TOKEN", "t")
    monkeypatch.setattr(run_lock, "LOCAL_SETTLE_S", 2.0)
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


def end_session(database, run_id):
    """End the session with the run's lock, as a restart of Postgres or of a pooler does."""
    with psycopg.connect(render_url(database), autocommit=True) as connection:
        (pid,) = connection.execute(SESSIONS, [run_id]).fetchone()
        connection.execute("select pg_terminate_backend(%s)", [pid])
    return pid


def test_a_run_whose_process_was_killed_is_closed_and_a_live_one_is_not(home, endless):
    process, run_id = endless
    with DagsterInstance.from_config(str(home)) as instance:
        launcher = instance.run_launcher
        assert launcher.supports_check_run_worker_health
        run = instance.get_run_by_id(run_id)
        assert (run.status, run.tags[LOCK_TAG]) == (DagsterRunStatus.STARTED, run_id)
        process.send_signal(signal.SIGSTOP)  # as a paused container: it lives
        assert close_dead_runs(instance) == []
        states = {launcher.check_run_worker_health(run).status for _ in range(MOST_MISSED + 1)}
        assert states == {WorkerStatus.RUNNING}

        process.kill()  # without waiting for it, so that it stays a zombie
        assert wait_until(lambda: run_id in find_dead_runs(instance))
        states = [launcher.check_run_worker_health(run).status for _ in range(MOST_MISSED)]
        assert states == [*[WorkerStatus.RUNNING] * (MOST_MISSED - 1), WorkerStatus.FAILED]
        assert close_dead_runs(instance) == [run_id]
        assert instance.get_run_by_id(run_id).status is DagsterRunStatus.FAILURE
        assert close_dead_runs(instance) == []
        (last, *_) = instance.get_records_for_run(run_id, ascending=False, limit=1).records
        assert last.event_log_entry.dagster_event.message == DIED


def test_a_run_whose_connection_was_lost_takes_its_lock_again(home, endless, database, monkeypatch):
    _, run_id = endless
    monkeypatch.setattr(run_lock, "LOCAL_SETTLE_S", PATIENCE_S)  # it ends when the lock is taken again
    with DagsterInstance.from_config(str(home)) as instance:
        launcher, run = instance.run_launcher, instance.get_run_by_id(run_id)
        url = database.set(database="dagster")
        before = end_session(url, run_id)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
        assert close_dead_runs(instance) == []
        assert wait_until(lambda: find_dead_runs(instance) == {})
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
        assert end_session(url, run_id) != before


def test_a_run_that_cannot_take_its_lock_is_not_judged(home, database, monkeypatch):
    """As on a server without a free slot: here another session has the lock."""

    @asset
    def plain():
        pass

    monkeypatch.setattr(run_lock, "START_WAIT_S", 0.2)
    run_id = str(uuid.uuid4())
    with (
        psycopg.connect(render_url(database.set(database="dagster"))) as other,
        DagsterInstance.from_config(str(home)) as instance,
    ):
        other.execute("select pg_advisory_xact_lock(%s)", [lock_key(run_id)])
        with holding_lock(instance, run_id) as tags:
            assert tags == {}
            job = Definitions(assets=[plain]).resolve_implicit_global_asset_job_def()
            assert job.execute_in_process(instance=instance, run_id=run_id, tags=tags).success
        assert LOCK_TAG not in instance.get_run_by_id(run_id).tags


def test_a_live_run_has_its_lock_again_before_a_command_closes_it(monkeypatch):
    made = {}

    def note(url, **named):
        made.update(named["connect_args"])
        raise InterruptedError

    monkeypatch.setattr(run_lock, "make_engine", note)
    with pytest.raises(InterruptedError):
        run_lock.RunLock(sa.make_url("postgresql://db.example/films?connect_timeout=60"), "a run")
    unnoticed, connecting = made["tcp_user_timeout"] / 1000, made["connect_timeout"]
    over_tcp, over_a_socket = "postgresql://db.example/films", "postgresql:///films?host=/tmp/postgres"
    assert unnoticed + connecting + 2 * run_lock.BEAT_S < run_lock.settle_s(sa.make_url(over_tcp))
    assert 2 * run_lock.BEAT_S < run_lock.settle_s(sa.make_url(over_a_socket)) < 5


def test_a_dead_run_is_closed_when_its_retry_can_be_launched(home, monkeypatch):
    """Not while its code server is down, unless that lasts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = json.dumps({"host": "127.0.0.1", "port": taken.getsockname()[1]})
    run_id = str(uuid.uuid4())
    tags = {LOCK_TAG: run_id, GRPC_INFO_TAG: address}
    with DagsterInstance.from_config(str(home)) as instance:
        launcher = instance.run_launcher
        run = DagsterRun("some_job", run_id=run_id, status=DagsterRunStatus.STARTED, tags=tags)
        for _ in range(MOST_MISSED + 1):
            assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
        instance.add_run(run)
        last = SimpleNamespace(timestamp=time.time())
        monkeypatch.setattr(instance, "get_daemon_heartbeats", lambda: {MONITORING: last})
        assert close_dead_runs(instance, settle_s=0) == []  # the daemon closes it
        monkeypatch.setattr(launcher_module, "MOST_WAIT_S", 0)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
        last.timestamp -= HEARTBEAT_S
        assert close_dead_runs(instance, settle_s=0) == [run_id]  # a daemon that starts retries it


def test_only_a_run_begun_under_its_own_lock_is_judged(home):
    """Killed before its start, or while it was cancelled; not one that repeats another, or of an earlier release."""
    mark = uuid.uuid4().hex
    begun = {
        "unstarted": (DagsterRunStatus.NOT_STARTED, "unstarted"),
        "cancelled": (DagsterRunStatus.CANCELING, "cancelled"),
        "repeated": (DagsterRunStatus.NOT_STARTED, "unstarted"),
        "about to start": (DagsterRunStatus.NOT_STARTED, "about to start"),
        "former": (DagsterRunStatus.STARTED, None),
    }
    with DagsterInstance.from_config(str(home)) as instance, holding_lock(instance, f"about to start {mark}"):
        for name, (status, lock) in begun.items():
            tags = {LOCK_TAG: f"{lock} {mark}"} if lock else {}
            instance.add_run(DagsterRun("some_job", run_id=f"{name} {mark}", status=status, tags=tags))
        try:
            assert sorted(close_dead_runs(instance)) == [f"cancelled {mark}", f"unstarted {mark}"]
            assert {name: instance.get_run_by_id(f"{name} {mark}").status for name in begun} == {
                "unstarted": DagsterRunStatus.FAILURE,
                "cancelled": DagsterRunStatus.CANCELED,
                "repeated": DagsterRunStatus.NOT_STARTED,
                "about to start": DagsterRunStatus.NOT_STARTED,
                "former": DagsterRunStatus.STARTED,
            }
        finally:
            for name in begun:
                instance.delete_run(f"{name} {mark}")


def test_dagster_retries_a_run_whose_process_died_and_no_failed_step(home, capfd):
    """A step that failed would fail again; and what its run prints has no line for each event."""

    @asset
    def broken(context):
        context.log.info("on its way")
        raise ValueError("no luck")

    with DagsterInstance.from_config(str(home)) as instance:
        failed = materialize([broken], instance=instance, raise_on_error=False).run_id
        died = instance.add_run(DagsterRun(job_name="any", run_id=str(uuid.uuid4()))).run_id
        instance.report_run_failed(instance.get_run_by_id(died), DIED)
        found = {run_id: instance.get_run_by_id(run_id).tags[WILL_RETRY_TAG] for run_id in (failed, died)}
        kinds = {entry.dagster_event.event_type_value for entry in instance.all_logs(failed) if entry.dagster_event}
        assert instance.run_retries_max_retries == 2
    assert found == {failed: "false", died: "true"}
    shown = capfd.readouterr().err
    assert (" DEBUG " in shown, " INFO " in shown, " ERROR " in shown) == (False, True, True)
    assert {"STEP_START", "STEP_FAILURE"} <= kinds  # the UI has every event
