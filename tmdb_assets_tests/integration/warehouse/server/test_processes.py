"""The embedded server among processes: shared, killed, left behind, and stopped by the last one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest

from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets_tests.stage.postgres import User, can_connect, is_alive, needs_embedded, using
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = needs_embedded


def test_a_second_process_attaches_and_leaves_the_server_to_the_first(embedded, data_dir):
    mine = find_postmaster(data_dir).pid
    with using(data_dir) as user:
        assert user.postmaster == mine
    assert user.process.returncode == 0
    assert find_postmaster(data_dir).pid == mine
    assert can_connect(embedded.url)


def test_a_process_with_another_locale_or_another_name_of_the_folder_attaches(
    embedded, data_dir, tmp_path, monkeypatch
):
    mine = find_postmaster(data_dir).pid
    (tmp_path / "link").symlink_to(data_dir.parent)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONUTF8", "0")  # the accent in the folder's name is no character to this process
    for folder in (data_dir, tmp_path / "link" / "postgres"):
        with using(folder) as user:
            assert user.postmaster == mine
        assert user.process.returncode == 0
    assert find_postmaster(data_dir).pid == mine


def test_a_server_whose_folder_was_moved_is_used_and_stopped(resting):
    moved = resting.with_name("moved")
    try:
        killed = User(resting)
        killed.send(signal.SIGKILL)
        resting.rename(moved)
        with using(moved, "print(server.url.query['host'], flush=True)") as user:
            assert user.postmaster == killed.postmaster
            assert user.process.stdout.readline().strip() == str(moved)
        assert wait_until(lambda: not is_alive(killed.postmaster))
    finally:
        moved.rename(resting)


def test_a_forked_child_attaches_again_and_does_not_stop_it(resting):
    lines = """
pid = os.fork()
if pid == 0:
    open_server(Settings.load(tmdb_token=None, warehouse_url=None), data_dir=data_dir)
    sys.exit(0)  # runs the handlers at exit, those inherited from the parent too
print(os.waitpid(pid, 0)[1], find_postmaster(data_dir) is not None, flush=True)
"""
    with using(resting, lines) as user:
        assert user.process.stdout.readline().split() == ["0", "True"]
    assert find_postmaster(resting) is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_signals_end_the_last_process_and_the_server(resting, number, code):
    folder = resting
    user = User(folder)
    assert user.send(number) == code
    assert not is_alive(user.postmaster)
    assert not (folder / "postmaster.pid").exists()


def test_a_killed_owners_server_is_used_again_and_stopped_by_the_last(resting):
    folder = resting
    killed = User(folder)
    assert killed.send(signal.SIGKILL) == -signal.SIGKILL
    assert is_alive(killed.postmaster)

    with using(folder) as first, using(folder) as second:
        assert first.postmaster == second.postmaster == killed.postmaster
        first.end()
        assert is_alive(killed.postmaster)
    assert not is_alive(killed.postmaster)


def test_a_killed_server_recovers_under_the_next_process(resting):
    folder = resting
    with using(folder) as user:
        os.kill(user.postmaster, signal.SIGKILL)
        assert wait_until(lambda: not is_alive(user.postmaster))
        with using(folder) as next_one:
            assert next_one.postmaster != user.postmaster
            assert is_alive(next_one.postmaster)
    assert not is_alive(next_one.postmaster)


def test_a_cached_server_that_was_killed_is_started_again(resting):
    folder = resting
    lines = """
os.kill(find_postmaster(data_dir).pid, 9)
while find_postmaster(data_dir):
    pass
again = open_server(Settings.load(tmdb_token=None, warehouse_url=None), data_dir=data_dir)
print(find_postmaster(data_dir).pid, again == server, flush=True)
"""
    with using(folder, lines) as user:
        pid, same = user.process.stdout.readline().split()
        assert (int(pid) != user.postmaster, same) == (True, "True")
    assert not is_alive(int(pid))


@pytest.mark.parametrize("content", ["{pid}\n{folder}\n1\n5432\n{folder}\n\n 1 1\nready\n", "{pid}\n", ""])
def test_a_stale_pid_file_is_removed(resting, content):
    folder = resting
    (folder / "postmaster.pid").write_text(content.format(pid=os.getpid(), folder=folder))
    with using(folder) as user:
        assert user.postmaster not in {0, os.getpid()}
    assert find_postmaster(folder) is None


def test_a_server_whose_pid_file_was_removed_is_replaced(resting):
    """It would end itself within a minute; until then Postgres starts no other."""
    folder = resting
    killed = User(folder)
    killed.send(signal.SIGKILL)
    (folder / "postmaster.pid").unlink()
    with using(folder) as user:
        assert user.postmaster not in {0, killed.postmaster}
        assert not is_alive(killed.postmaster)
    assert find_postmaster(folder) is None


def test_it_is_not_stopped_while_another_program_is_connected(resting):
    folder = resting
    with using(folder) as first:
        own = {"application_name": "tmdb-assets 1"}
        info = {"host": str(folder), "port": 5432, "user": "postgres", "dbname": "tmdb_sandbox"}
        foreign = psycopg.connect(**info, application_name="a notebook")
    assert foreign.execute("select 1").fetchone() == (1,)
    with using(folder) as second:
        assert second.postmaster == first.postmaster
        foreign.close()
        left_open = psycopg.connect(**info, **own, autocommit=True)
        notebooks = "select count(*) from pg_stat_activity where application_name = 'a notebook'"
        assert wait_until(lambda: left_open.execute(notebooks).fetchone() == (0,))
    assert not is_alive(first.postmaster)
    left_open.close()


def test_a_path_too_long_for_a_socket(tmp_path):
    folder = tmp_path / ("long" * 30) / "postgres"
    with using(folder, "print(server.url.query['host'], flush=True)") as user:
        host = Path(user.process.stdout.readline().strip())
        assert not host.is_relative_to(tmp_path)
        assert len(str(host)) < 90
        assert host.stat().st_mode & 0o777 == 0o700
        # Under a name of its own: a session of another program that is just ending would keep the server.
        own = {"application_name": "tmdb-assets 1"}
        with psycopg.connect(host=str(host), port=5432, user="postgres", dbname="tmdb_sandbox", **own) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    host.rmdir()
