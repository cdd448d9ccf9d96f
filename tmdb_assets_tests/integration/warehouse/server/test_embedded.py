"""The embedded server as this process opens it, and the clusters that it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server import embedded as embedded_module
from tmdb_assets.warehouse.server import open as open_module
from tmdb_assets.warehouse.server.data_folder import find_postmaster
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets.warehouse.server.urls import describe, render_url
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.postgres import connect, database_names, needs_embedded, settings, using
from tmdb_assets_tests.stage.server_folder import make_server_folder
from tmdb_assets_tests.stage.waiting import wait_until

pytestmark = needs_embedded


def test_the_databases_of_a_sample_run(embedded, data_dir):
    assert embedded.is_embedded
    assert (embedded.url.drivername, embedded.url.database) == ("postgresql+psycopg", "tmdb_sandbox")
    assert (embedded.storage_url.drivername, embedded.storage_url.database) == (
        "postgresql+psycopg2",
        "dagster_sandbox",
    )
    with sa.create_engine(embedded.url).connect() as connection:
        row = connection.execute(
            sa.text(
                "select current_database(), pg_encoding_to_char(encoding), lower('ÉÀ'), current_setting('timezone') "
                "from pg_database where datname = current_database()"
            )
        ).one()
    assert tuple(row) == ("tmdb_sandbox", "UTF8", "éà", "UTC")
    with sa.create_engine(embedded.storage_url).connect() as connection:
        assert connection.scalar(sa.text("select current_database()")) == "dagster_sandbox"
    assert (embedded.bin_dir / "psql").exists()
    assert describe(embedded.url) == f"{data_dir}:5432/tmdb_sandbox"


def test_it_listens_on_a_private_socket_only(embedded, data_dir):
    with connect(embedded.url) as connection:
        assert connection.execute("show listen_addresses").fetchone()[0] == ""
    assert (data_dir / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


def test_opening_again_is_cheap_and_gives_the_same_from_any_thread(embedded, data_dir):
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: open_server(settings(), data_dir=data_dir), range(8)))
    assert all(server is embedded for server in servers)


def test_real_figures_have_their_own_databases(embedded, data_dir):
    server = open_server(settings(token="t"), data_dir=data_dir)
    assert (server.url.database, server.storage_url.database) == ("tmdb", "dagster")
    assert {"tmdb", "dagster", "tmdb_sandbox", "dagster_sandbox"} <= database_names(embedded.url)


def test_psql_of_the_bundle_understands_the_rendered_url(embedded):
    command = [embedded.bin_dir / "psql", render_url(embedded.url), "-XAtc", "select current_database()"]
    assert subprocess.check_output(command, text=True).strip() == "tmdb_sandbox"


def test_what_a_killed_initdb_left_is_replaced():
    parent = make_server_folder("tmdb-assets-killed-")
    (parent / "postgres.new" / "base").mkdir(parents=True)
    with using(parent / "postgres") as user:
        assert user.postmaster
    assert sorted(path.name for path in parent.iterdir()) == ["postgres", "postgres.lock"]


def test_a_cluster_that_lost_a_part_is_refused_and_kept(tmp_path):
    folder = tmp_path / "postgres"
    for name in ("1", "4", "5"):
        (folder / "base" / name).mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n")
    with pytest.raises(WarehouseUnavailableError, match="lost global/pg_control; restore it from a backup"):
        open_server(settings(), data_dir=folder)
    assert len(list((folder / "base").iterdir())) == 3


def test_a_cluster_of_a_version_that_is_not_bundled_is_refused(tmp_path):
    folder = tmp_path / "postgres"
    for name in ("base/1", "base/4", "base/5", "global"):
        (folder / name).mkdir(parents=True)
    (folder / "global" / "pg_control").touch()
    (folder / "PG_VERSION").write_text("12\n")
    with pytest.raises(WarehouseUnavailableError, match="made by Postgres 12"):
        open_server(settings(), data_dir=folder)


def test_a_server_that_does_not_start_says_why_and_what_is_too_small(resting, monkeypatch):
    configuration = resting / "postgresql.auto.conf"
    before = configuration.read_text()
    server = embedded_module.EmbeddedPostgres(resting)
    configuration.write_text("listen_addresses = '*'\nport = 70000\n")
    try:
        with pytest.raises(WarehouseUnavailableError) as caught:
            server.start()
        assert "does not start (pg_ctl failed: " in str(caught.value)
        assert "postgresql.auto.conf" in str(caught.value)
        assert f"Read {resting / 'log'}, or set WAREHOUSE_URL" in str(caught.value)
        monkeypatch.setattr(embedded_module, "SHARED_MEMORY", resting.parent / "shm")
        embedded_module.SHARED_MEMORY.mkdir()
        for small, free, remedy in (("shm", "0.1", "--shm-size"), ("disk", "50.0", "Free some space")):
            place = embedded_module.SHARED_MEMORY if small == "shm" else resting.parent
            usage = defaultdict(lambda: SimpleNamespace(free=1e12), {place: SimpleNamespace(free=float(free) * 1e6)})
            monkeypatch.setattr(embedded_module.shutil, "disk_usage", usage.__getitem__)
            with pytest.raises(WarehouseUnavailableError) as caught:
                server.start()
            assert f"{place} has only {free} MB free" in str(caught.value)
            assert remedy in str(caught.value)
    finally:
        configuration.write_text(before)
        server.leave_running()  # else this process counts as its user


def test_a_server_that_does_not_answer_is_called_what_it_is():
    with restarts.own_server() as own:
        folder, pid = own.postgres.data_dir, find_postmaster(own.postgres.data_dir).pid
        os.kill(pid, signal.SIGSTOP)
        try:
            assert wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
            with pytest.raises(WarehouseUnavailableError) as caught:
                open_server(settings(), data_dir=folder)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert f"its process {pid} was stopped; let it continue with kill -CONT {pid}, or end it" in str(caught.value)
        (folder / ".s.PGSQL.5432").unlink()  # as those do who clean temporary folders
        with pytest.raises(WarehouseUnavailableError) as caught:
            open_server(settings(), data_dir=folder, patience_s=0.1)
        assert str(caught.value).startswith(
            f"The embedded Postgres in {folder} does not answer. The data is kept. Read"
        )
        open_module._embedded.pop(folder).leave_running()  # else this process counts as its user


def test_the_socket_is_where_its_path_fits(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    folder = long / "postgres"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    made = embedded_module._socket_dir(folder)
    assert made.parent.parent == Path("/tmp")
    made.rmdir()
    monkeypatch.setattr(embedded_module, "TEMPORARY", ())
    with pytest.raises(OSError, match="set TMPDIR to a folder with a short path"):
        embedded_module._socket_dir(folder)
    latin = tmp_path / os.fsdecode(b"caf\xe9")  # libpq's addresses are UTF-8
    latin.mkdir()
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        assert embedded_module._socket_dir(latin).is_relative_to(Path(short) / f"tmdb-assets-{os.geteuid()}")


def test_a_server_whose_stop_is_interrupted_says_so_without_a_stack_trace(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    with restarts.own_server() as own:
        server = own.postgres
        capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(server, "_stop", interrupted)
            server.leave()
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("tmdb-assets: interrupted while the embedded Postgres in ")
        server.start()  # and the next to leave stops it
        server.leave()
        assert not (server.data_dir / "postmaster.pid").exists()
