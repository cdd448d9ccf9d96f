"""The warehouse's server with real Postgres: started, shared, killed, left behind, refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    MaterializeResult,
    asset,
    materialize,
)
from dagster._core.instance import InstanceRef
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.storage.runs import RunStorage
from dagster._core.storage.schedules import ScheduleStorage

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse import cluster, dagster_storage, databases
from tmdb_assets.warehouse import server as server_module
from tmdb_assets.warehouse.address import normalise
from tmdb_assets.warehouse.cluster import find_postmaster
from tmdb_assets.warehouse.databases import ensure_databases
from tmdb_assets.warehouse.resource import Warehouse
from tmdb_assets.warehouse.server import WarehouseUnavailableError, describe, open_server, render_url

DEADLINE_S = 20
PASSWORD = "räk p@ss:/?#%+&'\""
DAGSTER_YAML = """
telemetry: {enabled: false}
storage:
  custom: {module: tmdb_assets.warehouse.dagster_storage, class: WarehouseStorage, config: {}}
"""
# Says its server's pid and start once it has one, then runs the given lines, then waits for its input to end.
USER_OF_THE_SERVER = """
import os, sys
from pathlib import Path
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.cluster import find_postmaster
from tmdb_assets.warehouse.server import open_server, stop_on_signals
stop_on_signals()
data_dir = Path(sys.argv[1])
server = open_server(Settings.load(tmdb_token=None, warehouse_url=None), data_dir=data_dir)
print(find_postmaster(data_dir).pid, flush=True)
exec(sys.argv[2])
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the embedded Postgres runs on Linux and macOS")


def settings(url: str | None = None, token: str | None = None) -> Settings:
    return Settings.load(tmdb_token=token, warehouse_url=url)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("warehouse") / "not yet there" / "postgres"  # a blank in the path on purpose


@pytest.fixture(scope="module")
def embedded(data_dir):
    """The server most tests share; stopped when the test process ends."""
    return open_server(settings(), data_dir=data_dir)


@pytest.fixture(scope="module")
def guest(embedded):
    """A role without rights and with a difficult password, which must give it also on the socket."""
    with connect(embedded.url) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'guest'").fetchone():
            literal = "'" + PASSWORD.replace("'", "''") + "'"
            connection.execute(f"create role guest login password {literal}")
        hba = Path(connection.execute("show hba_file").fetchone()[0])
        rules = hba.read_text()
        if "guest" not in rules:
            hba.write_text("local all guest scram-sha-256\n" + rules)
        connection.execute("select pg_reload_conf()")
    assert wait_until(lambda: not can_connect(embedded.url.set(username="guest", password="wrong")))
    return embedded.url.set(username="guest", password=PASSWORD)


@pytest.fixture(scope="module")
def made_cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resting") / "postgres"
    with using(folder):
        pass
    return folder


@pytest.fixture
def resting(made_cluster):
    """The folder of a whole cluster that no process uses, the same for all tests that leave it so."""
    assert find_postmaster(made_cluster) is None
    return made_cluster


def connect(url: sa.URL) -> psycopg.Connection:
    return psycopg.connect(render_url(url), autocommit=True)


def can_connect(url: sa.URL) -> bool:
    try:
        connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def wait_until(condition) -> bool:
    """Poll until the condition holds; False after the deadline."""
    pause, deadline = threading.Event(), time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class User:
    """Another process that uses the embedded server on a folder."""

    def __init__(self, data_dir: Path, lines: str = "") -> None:
        command = [sys.executable, "-W", "ignore", "-c", USER_OF_THE_SERVER, str(data_dir), lines]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.postmaster = int(self.process.stdout.readline() or 0)

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.wait()

    def end(self) -> int:
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.process.stdout.close()
            self.process.stdin.close()


@contextmanager
def using(data_dir: Path, lines: str = ""):
    user = User(data_dir, lines)
    try:
        yield user
    finally:
        if user.process.poll() is None:
            user.end()


def database_names(url: sa.URL) -> set[str]:
    with connect(url) as connection:
        return {row[0] for row in connection.execute("select datname from pg_database")}


# --- the embedded server ---


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


def test_a_token_brings_databases_of_its_own(embedded, data_dir):
    server = open_server(settings(token="t"), data_dir=data_dir)
    assert (server.url.database, server.storage_url.database) == ("tmdb", "dagster")
    assert {"tmdb", "dagster", "tmdb_sandbox", "dagster_sandbox"} <= database_names(embedded.url)


def test_psql_of_the_bundle_understands_the_rendered_url(embedded):
    command = [embedded.bin_dir / "psql", render_url(embedded.url), "-XAtc", "select current_database()"]
    assert subprocess.check_output(command, text=True).strip() == "tmdb_sandbox"


def test_a_second_process_attaches_and_leaves_the_server_to_the_first(embedded, data_dir):
    mine = find_postmaster(data_dir).pid
    with using(data_dir) as user:
        assert user.postmaster == mine
    assert user.process.returncode == 0
    assert find_postmaster(data_dir).pid == mine
    assert can_connect(embedded.url)


def test_a_forked_child_attaches_anew_and_does_not_stop_it(resting):
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


def test_a_cached_server_that_was_killed_is_started_anew(resting):
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
def test_a_stale_pid_file_is_no_obstacle(resting, content):
    folder = resting
    (folder / "postmaster.pid").write_text(content.format(pid=os.getpid(), folder=folder))
    with using(folder) as user:
        assert user.postmaster not in {0, os.getpid()}
    assert find_postmaster(folder) is None


def test_a_half_made_cluster_is_set_aside(tmp_path, capsys):
    folder = tmp_path / "postgres"
    (folder / "base" / "1").mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n")
    assert cluster.must_be_made(folder)
    (aside,) = tmp_path.glob("postgres.broken-*")
    assert (aside / "PG_VERSION").read_text() == "18\n"
    assert not folder.exists()
    assert str(aside) in capsys.readouterr().err


def test_what_a_killed_initdb_left_is_made_anew(tmp_path):
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    with using(tmp_path / "postgres") as user:
        assert user.postmaster
    assert sorted(path.name for path in tmp_path.iterdir()) == ["postgres", "postgres.lock"]


def test_a_cluster_that_lost_a_part_is_refused_and_stays(tmp_path):
    folder = tmp_path / "postgres"
    for name in ("1", "4", "5"):
        (folder / "base" / name).mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n")
    with pytest.raises(WarehouseUnavailableError, match="misses global/pg_control; restore it from a backup"):
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


def test_it_is_not_stopped_beneath_a_foreign_client(resting):
    folder = resting
    with using(folder) as first:
        own = {"application_name": "tmdb-assets 1"}
        info = {"host": str(folder), "port": 5432, "user": "postgres", "dbname": "tmdb_sandbox"}
        foreign = psycopg.connect(**info, application_name="a notebook")
    assert foreign.execute("select 1").fetchone() == (1,)
    with using(folder) as second:
        assert second.postmaster == first.postmaster
        foreign.close()
        left_open = psycopg.connect(**info, **own)
    assert not is_alive(first.postmaster)
    left_open.close()


def test_a_path_too_long_for_a_socket(tmp_path):
    folder = tmp_path / ("long" * 30) / "postgres"
    with using(folder, "print(server.url.query['host'], flush=True)") as user:
        host = Path(user.process.stdout.readline().strip())
        assert not host.is_relative_to(tmp_path)
        assert len(str(host)) < 90
        assert host.stat().st_mode & 0o777 == 0o700
        with psycopg.connect(host=str(host), port=5432, user="postgres", dbname="tmdb_sandbox") as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    host.rmdir()


# --- an external server: the shared embedded one, by its socket ---


def as_text(url: sa.URL, drivername: str = "postgresql") -> str:
    return url.set(drivername=drivername).render_as_string(hide_password=False)


def test_an_external_server_starts_nothing_and_gets_its_databases(embedded, tmp_path):
    url = as_text(embedded.url.set(database="films").update_query_dict({"sslmode": "prefer"}), "postgres")
    server = open_server(settings(url, token="t"), data_dir=tmp_path / "postgres")
    assert not server.is_embedded
    assert (server.url.drivername, server.url.database) == ("postgresql+psycopg", "films")
    assert (server.storage_url.drivername, server.storage_url.database) == ("postgresql+psycopg2", "dagster")
    assert server.url.query["sslmode"] == "prefer"
    assert not (tmp_path / "postgres").exists()
    assert {"films", "dagster"} <= database_names(embedded.url)
    assert (server.bin_dir / "psql").exists()


@pytest.mark.parametrize("drivername", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_any_driver_and_no_token(embedded, tmp_path, drivername):
    server = open_server(settings(as_text(embedded.url, drivername)), data_dir=tmp_path / "postgres")
    assert (server.url.drivername, server.url.database) == ("postgresql+psycopg", "tmdb_sandbox")
    with sa.create_engine(server.url).connect() as connection:
        assert connection.scalar(sa.text("select current_database()")) == "tmdb_sandbox"


@pytest.mark.parametrize("name", ["tmdb_sandbox", "dagster"])
def test_real_figures_are_kept_out_of_the_sample_and_storage_databases(embedded, tmp_path, name):
    url = as_text(embedded.url.set(database=name))
    with pytest.raises(WarehouseUnavailableError, match=f"names the database {name}, which is kept for"):
        open_server(settings(url, token="t"), data_dir=tmp_path)


def test_several_processes_may_create_the_same_databases_at_once(embedded):
    targets = [embedded.url.set(database=f"race_{number}") for number in range(2)]

    def create(_: int) -> None:
        ensure_databases(targets, maintenance=[embedded.url], patience_s=1)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(create, range(6)))
    assert {"race_0", "race_1"} <= database_names(embedded.url)


def test_an_unreachable_server_is_named_without_its_password(tmp_path):
    with socket.socket() as held:  # bound and not listening: refuses, and nobody else gets the port
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        begin = time.monotonic()
        with pytest.raises(WarehouseUnavailableError) as caught:
            open_server(
                settings(f"postgresql://me:s3cret@127.0.0.1:{port}/films", token="t"),
                data_dir=tmp_path / "postgres",
                patience_s=0.5,
            )
    text = str(caught.value)
    assert f"127.0.0.1:{port}/films cannot be reached" in text
    assert "s3cret" not in text
    assert "\n" not in text
    assert 0.5 <= time.monotonic() - begin < 5
    assert not (tmp_path / "postgres").exists()


def test_a_server_that_comes_up_late_is_waited_for(embedded, monkeypatch):
    attempts = []

    def connect_at_the_third(*args, **kwargs):
        attempts.append(args)
        if len(attempts) < 3:
            raise psycopg.OperationalError("failed to resolve host")
        return real_connect(*args, **kwargs)

    real_connect = psycopg.connect
    monkeypatch.setattr(databases.psycopg, "connect", connect_at_the_third)
    ensure_databases([embedded.url], maintenance=[], patience_s=10)
    assert len(attempts) == 3


def test_a_wrong_password_is_not_tried_again(guest, tmp_path):
    begin = time.monotonic()
    url = as_text(guest.set(database="films", password="wr0ng"))
    with pytest.raises(WarehouseUnavailableError, match=r"refuses the connection.*password") as caught:
        open_server(settings(url, token="t"), data_dir=tmp_path, patience_s=60)
    assert time.monotonic() - begin < 5
    assert "wr0ng" not in str(caught.value)


def test_a_parameter_libpq_does_not_know_is_said(embedded, tmp_path):
    url = as_text(embedded.url.set(database="films").update_query_dict({"ssl": "require"}))
    with pytest.raises(WarehouseUnavailableError, match='invalid URI query parameter: "ssl"'):
        open_server(settings(url, token="t"), data_dir=tmp_path, patience_s=60)


def test_a_role_that_may_not_create_databases_is_told_what_an_administrator_must_run(guest, tmp_path):
    with pytest.raises(WarehouseUnavailableError) as caught:
        open_server(settings(as_text(guest.set(database="cinema")), token="t"), data_dir=tmp_path)
    assert (
        'Ask an administrator to run: create database "cinema" owner "guest" encoding \'UTF8\' template template0;'
        in str(caught.value)
    )


def test_a_database_of_another_encoding_is_refused(embedded, tmp_path):
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists latin")
        connection.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    with pytest.raises(WarehouseUnavailableError, match=r"database latin .* has the encoding LATIN1"):
        open_server(settings(as_text(embedded.url.set(database="latin")), token="t"), data_dir=tmp_path)


def test_an_old_server_is_refused(embedded, monkeypatch):
    monkeypatch.setattr(databases, "OLDEST_VERSION", 99)
    with pytest.raises(WarehouseUnavailableError, match=r"is version \d+; the warehouse needs 99 or later"):
        ensure_databases([embedded.url], maintenance=[], patience_s=1)


def test_a_server_whose_databases_are_in_sql_ascii_gives_text_all_the_same(embedded):
    with connect(embedded.url) as connection:
        for name in ("ascii", "utf", "fresh"):
            connection.execute(f"drop database if exists {name}")
        connection.execute("create database ascii encoding 'SQL_ASCII' locale 'C' template template0")
        connection.execute("create database utf encoding 'UTF8' template template0")
    targets = [embedded.url.set(database=name) for name in ("fresh", "utf")]
    ensure_databases(targets, maintenance=[embedded.url.set(database="ascii")], patience_s=1)
    assert {"fresh", "utf"} <= database_names(embedded.url)


def test_session_settings_of_the_url_stay_beside_our_own(embedded):
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists with_options")
        connection.execute("create database with_options")
    url = embedded.url.set(database="with_options")
    given = url.update_query_dict({"options": "-c work_mem=7MB -c statement_timeout=1min"})
    for chosen, memory in ((given, "7MB"), (url, "4MB")):
        warehouse = Warehouse(url=chosen)
        with warehouse.begin() as connection:
            shown = [connection.scalar(sa.text(f"show {name}")) for name in ("work_mem", "statement_timeout")]
        warehouse.close()
        assert shown == [memory, "30min"]


# --- Dagster's storage on it ---


@pytest.fixture
def guests_server(guest, embedded, tmp_path, monkeypatch):
    """An external server whose URL carries the difficult password, as plain `dagster dev` would find it."""
    with connect(embedded.url) as connection:
        connection.execute("alter role guest createdb")
    chosen = settings(as_text(guest.set(database="guest_films")), token="t")
    with connect(embedded.url) as connection:
        for name in ("guest_films", "dagster"):
            connection.execute(f"drop database if exists {name} with (force)")
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    yield tmp_path
    with connect(embedded.url) as connection:
        connection.execute("alter role guest nocreatedb")
        for name in ("guest_films", "dagster"):
            connection.execute(f"drop database if exists {name} with (force)")


@asset(check_specs=[AssetCheckSpec("whole", asset="films")])
def films():
    return MaterializeResult(metadata={"rows": 3}, check_results=[AssetCheckResult(passed=True, check_name="whole")])


def test_dagster_keeps_and_finds_its_runs(guests_server):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        result = materialize([films], instance=instance)
        run_id = result.run_id
        shown = instance.info_str()
    assert PASSWORD not in shown
    assert "postgresql" not in shown

    reference = InstanceRef.from_dict(InstanceRef.from_dir(str(guests_server)).to_dict())
    with DagsterInstance.from_ref(reference) as again:
        event = again.get_latest_materialization_event(AssetKey("films"))
        assert event.run_id == run_id
        assert event.asset_materialization.metadata["rows"].value == 3
        assert again.get_run_by_id(run_id).is_success
        again.optimize_for_webserver(statement_timeout=5000, pool_recycle=60, max_overflow=5)
        assert again.get_runs_count() == 1


def test_the_parts_of_the_storage_rehydrate_alone(guests_server):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        storage = instance.get_ref().storage
    runs = storage.run_storage_data.rehydrate(as_type=RunStorage)
    events = storage.event_storage_data.rehydrate(as_type=EventLogStorage)
    schedules = storage.schedule_storage_data.rehydrate(as_type=ScheduleStorage)
    assert runs.get_runs_count() == 0
    assert list(events.all_asset_keys()) == []
    assert list(schedules.all_instigator_state()) == []


def test_a_run_reuses_its_connections_and_gives_them_back(guests_server, embedded, monkeypatch):
    opened = []
    real = dagster_storage.sa.create_engine

    def counting(*args, **kwargs):
        engine = real(*args, **kwargs)
        sa.event.listen(engine, "connect", lambda *_: opened.append(1))
        return engine

    monkeypatch.setattr(dagster_storage.sa, "create_engine", counting)
    with DagsterInstance.from_config(str(guests_server)) as instance:
        for _ in range(3):
            materialize([films], instance=instance)
    assert 1 <= len(opened) <= 4
    with connect(embedded.url) as connection:
        query = "select count(*) from pg_stat_activity where datname = 'dagster'"
        assert wait_until(lambda: connection.execute(query).fetchone() == (0,))


# --- URLs ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            sa.URL.create(
                "postgresql+psycopg", "me", PASSWORD, "db.example.org", 6543, "my films", {"sslmode": "require"}
            ),
            {
                "user": "me",
                "password": PASSWORD,
                "host": "db.example.org",
                "port": "6543",
                "dbname": "my films",
                "sslmode": "require",
            },
        ),
        (
            sa.make_url("postgresql://me@/films?host=/var/run/my+dir&port=5433"),
            {"user": "me", "host": "/var/run/my dir", "port": "5433", "dbname": "films"},
        ),
        (
            sa.make_url("postgresql://me@/films?host=a:1&host=b:2&application_name=tmdb-assets"),
            {"user": "me", "host": "a,b", "port": "1,2", "dbname": "films"},
        ),
        (sa.make_url("postgresql://[::1]:5433/films"), {"host": "::1", "port": "5433", "dbname": "films"}),
    ],
)
def test_a_rendered_url_means_to_libpq_what_it_means_here(url, expected):
    assert psycopg.conninfo.conninfo_to_dict(render_url(url)) == expected


def test_a_password_in_the_query_is_moved_to_where_a_repr_hides_it():
    url = normalise(sa.make_url("postgres://db.example.org/films?user=me&password=hush&dbname=cinema"))
    assert (url.username, url.password, url.database) == ("me", "hush", "cinema")
    assert "hush" not in repr(url)


def test_neither_repr_nor_description_tells_a_password(embedded):
    secret = embedded.url.set(host="db.example.org", port=6543, query={}, username="me", password="hush")
    assert describe(secret) == "db.example.org:6543/tmdb_sandbox"
    assert "hush" not in repr(server_module.Server(secret, secret, False, Path("/bin")))
