"""The app on a streaming replica (`WAREHOUSE_READ_URL`): reads there and only there, and says how far it is behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from tmdb_assets.settings import Settings
from tmdb_assets.viz import reader
from tmdb_assets.warehouse.reading import NothingToReadError
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.data_folder import find_bin_dir, run_pg_ctl
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import make_star
from tmdb_assets_tests.integration.viz.conftest import SETTINGS
from tmdb_assets_tests.stage import restarts
from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.postgres import as_text, needs_embedded
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

pytestmark = [needs_embedded, pytest.mark.long]
PASSWORD = "a word that passes"


@pytest.fixture
def primary() -> Iterator[restarts.OwnServer]:
    with restarts.own_server() as own:
        own.listen("secret-word")
        rules = own.postgres.data_dir / "pg_hba.conf"
        rules.write_text(rules.read_text() + "local replication all trust\n")
        with sa.create_engine(own.url.set(database="postgres")).begin() as connection:
            connection.exec_driver_sql("select pg_reload_conf()")
        with sa.create_engine(own.url.set(database="postgres"), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("create database films")
        yield own


@pytest.fixture
def replica(primary: restarts.OwnServer) -> Iterator[int]:
    """The port of a replica that streams from the primary."""
    data_dir, query = primary.postgres.data_dir, primary.url.query
    folder, port = data_dir.parent / "replica", free_port()
    copy = [find_bin_dir(data_dir) / "pg_basebackup", "-h", query["host"], "-p", query["port"], "-U", "postgres"]
    owner = data_dir.stat().st_uid if os.geteuid() == 0 else None
    folder.mkdir(mode=0o700)
    if owner is not None:
        os.chown(folder, owner, -1)
    command = [*copy, "-D", str(folder), "-R", "-c", "fast"]
    subprocess.run(command, user=owner, cwd=data_dir, check=True, timeout=PATIENCE_S)
    options = f"-h 127.0.0.1 -p {port} -k {query['host']} -c timezone=UTC"
    run_pg_ctl(folder, "start", "-w", "-l", str(folder / "log"), "-o", options)
    yield port
    run_pg_ctl(folder, "stop", "-w", "-m", "immediate")
    shutil.rmtree(folder)


def test_the_app_reads_from_the_replica_alone(
    primary: restarts.OwnServer, replica: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(url=primary.url)
    make_star(warehouse)
    apply_roles(warehouse.engine, SETTINGS, is_embedded=False)
    chosen = Settings.load(
        tmdb_token="t",
        warehouse_url="postgresql://tmdb_loader@127.0.0.1:1/films",  # nobody is there
        warehouse_read_url=as_text(sa.make_url(f"postgresql://tmdb_loader@127.0.0.1:{replica}/films")),
        warehouse_reader_password=PASSWORD,
    )
    monkeypatch.setattr(reader, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)

    def films() -> int:
        with reader.reading() as connection:
            return int(connection.scalar(sa.text("select count(*) from vw_top_movies")) or 0)

    def arrived() -> bool:
        try:
            return films() == 3
        except NothingToReadError:  # tables or roles are on their way
            return False

    assert wait_until(arrived, every=0.1)
    assert wait_until(lambda: reader.seconds_behind() == 0, every=0.1)
    assert reader.read_edition().database == f"127.0.0.1:{replica}/films"
    with reader.reading() as connection:
        assert connection.scalar(sa.text("select pg_is_in_recovery()")) is True
    with pytest.raises(NothingToReadError, match="read-only transaction"), reader.reading() as connection:
        connection.execute(sa.text("create table mine (id integer)"))
    app = AppTest.from_file(str(Path(reader.__file__).with_name("app.py")), default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert "from a replica that is 0 s behind" in " ".join(caption.value for caption in app.caption)

    pause = sa.create_engine(primary.url.update_query_dict({"port": str(replica)}), isolation_level="AUTOCOMMIT")
    assert_a_paused_replica_tells_its_lag(warehouse, pause)
    pause.dispose()
    warehouse.close()
    reader._engine.cache_clear()


def assert_a_paused_replica_tells_its_lag(warehouse: Warehouse, replica: sa.Engine) -> None:
    """While its replay is paused, what is loaded meanwhile is not seen, and the lag is shown."""
    changed = sa.text("select count(*) from vw_top_movies where title like '%!'")
    with replica.connect() as connection:
        connection.exec_driver_sql("select pg_wal_replay_pause()")
    with warehouse.begin() as connection:
        connection.exec_driver_sql("update dim_movie set title = title || '!'")
    assert wait_until(lambda: (reader.seconds_behind() or 0) > 0, every=0.1)
    with reader.reading() as connection:
        assert connection.scalar(changed) == 0
    with replica.connect() as connection:
        connection.exec_driver_sql("select pg_wal_replay_resume()")
    assert wait_until(lambda: reader.seconds_behind() == 0, every=0.1)
    with reader.reading() as connection:
        assert connection.scalar(changed) == 3
