"""The commands `dev` and `psql`: a port that is in use, a UI that ends unexpectedly, and psql's own flags."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest
import sqlalchemy as sa

from tmdb_assets.charts import apart
from tmdb_assets.cli import dev_server
from tmdb_assets.warehouse.server.libpq import libpq_environment
from tmdb_assets.warehouse.server.open import stop_on_signals
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.stage.command import command_environment, run
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.waiting import PATIENCE_S

# A parent with a child that outlives it.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def replay():
    with ReplayServer(catalogue([])) as server:
        yield server


def command(database, replay, *arguments, **changes):
    return run(command_environment(database, replay, **changes), *arguments)


def test_a_port_in_use_is_reported_in_one_line_before_anything_starts(database, replay):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command(database, replay, "dev", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Nothing can listen on 127.0.0.1:{port} (Address already in use). Stop the program that uses it, or choose "
        "another port with --port.\n"
    )


def test_an_invalid_host_is_a_fault_too():
    assert dev_server.port_fault("no such host", 3000).startswith("Nothing can listen on no such host:3000 (")
    for host in ("a..b", "h" * 70, "\udcff"):
        assert "is not the name of a host. Choose" in dev_server.port_fault(host, 3000)


def test_a_free_port_is_no_fault():
    port = free_port()
    assert dev_server.port_fault("127.0.0.1", port) is None
    assert dev_server.port_fault("localhost", port) is None


def test_a_ui_that_ends_unexpectedly_leaves_no_process_behind(monkeypatch):
    monkeypatch.setattr(dev_server, "POLL_SECONDS", 0.05)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT], **pipes) as parent:
        service = psutil.Process(int(parent.stdout.readline()))
        outcome = []
        waiting = threading.Thread(target=lambda: outcome.append(dev_server.wait_for_end(parent)))
        noted = threading.Event()
        real = dev_server._children
        monkeypatch.setattr(dev_server, "_children", lambda process: (real(process), noted.set())[0])
        waiting.start()
        assert noted.wait(PATIENCE_S)
        noted.clear()
        assert noted.wait(PATIENCE_S)  # the second round began: the first is done
        parent.kill()
        waiting.join(PATIENCE_S)
        assert outcome == [False]
        assert not service.is_running()


# A UI that is slow to stop and prints a stack trace meanwhile, with a run that heeds no signal.
SLOW_UI = """
import signal, subprocess, sys, time
run = "import signal, sys; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; print('on'); sys.stdout.flush(); "
run += "sys.stdin.read()  # as by multiprocessing.spawn"
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
child = subprocess.Popen([sys.executable, "-c", run], **pipes)
child.stdout.readline()
print(f"a line of {child.pid}", flush=True)
try:
    time.sleep(1000)
except KeyboardInterrupt:
    print("Traceback (most recent call last):", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def slow_ui():
    """The process, whether it is muted, and its run's process; signal handlers are restored."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    stop_on_signals()
    # As `start_ui` starts it.
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    with subprocess.Popen([sys.executable, "-c", SLOW_UI], **options) as made:
        first = made.stdout.readline()
        yield made, psutil.Process(int(first.split()[-1]))
        made.kill()
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_stopping_the_ui_is_quiet_and_bounded(slow_ui, monkeypatch, capfd, number, again):
    ui, run_ = slow_ui
    monkeypatch.setattr(dev_server, "STOP_SECONDS", PATIENCE_S if again else 0.5)  # a second signal does not wait
    is_muted = threading.Event()
    copying = threading.Thread(target=dev_server._copy, args=(ui.stdout, is_muted), daemon=True)
    copying.start()
    terminate, sent = psutil.Process.terminate, []

    def signal_again(process):
        terminate(process)
        sent.append(process.pid)
        if again:
            signal.raise_signal(number)

    monkeypatch.setattr(psutil.Process, "terminate", signal_again)
    monkeypatch.setattr(dev_server, "_children", lambda _: [run_])
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    assert dev_server.wait_for_end(ui, is_muted)
    copying.join(PATIENCE_S)
    assert (sent, ui.returncode, run_.is_running()) == ([run_.pid], -signal.SIGKILL, False)
    assert capfd.readouterr().err == f"{dev_server.STOPPING}\n"


def test_what_the_ui_prints_before_it_stops_is_shown(capfd):
    dev_server._copy(io.BytesIO(b"one\ntwo\n"), threading.Event())
    assert capfd.readouterr().err == "one\ntwo\n"


def test_psqls_own_flags_replace_only_their_part_of_the_address(database, replay):
    done = command(database, replay, "psql", "-d", "postgres", "-XAtc", "select current_database()")
    assert (done.stdout, done.stderr, done.returncode) == ("postgres\n", "", 0)
    done = command(database, replay, "psql", "-h", "/nowhere", "-XAtc", "select 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'connection to server on socket "/nowhere/.s.PGSQL.5432" failed' in done.stderr
    done = command(database, replay, "psql", "--help")
    assert (done.stdout.splitlines()[0], done.returncode) == ("psql is the PostgreSQL interactive terminal.", 0)


def test_a_locale_without_accents_does_not_spoil_them(database, replay):
    done = command(database, replay, "psql", "-XAtc", "select 'é'", LC_ALL="C", PYTHONUTF8="0")
    assert (done.stdout, done.stderr, done.returncode) == ("é\n", "", 0)


def test_a_url_in_libpqs_variables(monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "mine")
    query = {"sslmode": "require", "options": "-c work_mem=7MB", "keepalives": "1"}
    made = libpq_environment(
        sa.URL.create("postgresql+psycopg", "me", "p@ss w/örd", "db.example.org", 6543, "my films", query)
    )
    changed = {name: value for name, value in made.items() if os.environ.get(name) != value}
    assert changed == {
        "PGUSER": "me",
        "PGPASSWORD": "p@ss w/örd",
        "PGHOST": "db.example.org",
        "PGPORT": "6543",
        "PGDATABASE": "my films",
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c work_mem=7MB",
    }
    assert made["PGPASSFILE"] == "mine"


def test_nothing_is_imported_from_the_current_folder(tmp_path, monkeypatch):
    for name in ("dagster", "dagster_webserver", "click", "pandas", "altair", "json", "tmdb_assets"):
        (tmp_path / f"{name}.py").write_text("import pathlib; pathlib.Path('trapped').touch(); raise SystemExit(9)")
    started = []
    monkeypatch.setattr(dev_server.subprocess, "Popen", lambda command, **options: started.append((command, options)))
    monkeypatch.setattr(dev_server.threading, "Thread", Mock())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with suppress(AttributeError):  # there is no child
        dev_server.start_ui("127.0.0.1", 3000)
    ((ui, options),) = started
    monkeypatch.undo()
    script = [str(Path(sys.executable).with_name("tmdb-assets")), "--version"]
    for program in ([*ui[:4], "--help"], [*apart.COMMAND], script):
        done = subprocess.run(program, cwd=tmp_path, env=options["env"], stdin=subprocess.DEVNULL, capture_output=True)
        assert (done.returncode, (tmp_path / "trapped").exists()) == (0, False), (program, done.stderr)
    # The traps work: without its protection the first program is caught.
    unsafe = {name: value for name, value in options["env"].items() if name != "PYTHONSAFEPATH"}
    subprocess.run([*ui[:4], "--help"], cwd=tmp_path, env=unsafe, stdin=subprocess.DEVNULL, capture_output=True)
    assert (tmp_path / "trapped").exists()
