"""The doctor's findings, on healthy and on faulty set-ups: each says what is wrong and what to do."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections import namedtuple
from contextlib import nullcontext
from email.utils import format_datetime

import psycopg
import pytest
from dagster import DagsterInstance, DagsterInvariantViolationError

from tmdb_assets import partitions
from tmdb_assets.cli import doctor, maintenance
from tmdb_assets.cli.doctor import Finding
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import Fault, ReplayServer
from tmdb_assets_tests.fakes.scripted_server import interim
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.command import command_environment, run

DAY = dt.date(2026, 7, 29)
TODAY = DAY + dt.timedelta(days=1)
CATALOGUE = catalogue(sound_films(20))
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def tables(server, loaded_database, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with copied_warehouse(server, loaded_database) as made:
        yield Tables(made)


def check(tables, name):
    with tables.warehouse.begin() as connection:
        return getattr(doctor, name)(connection)


@pytest.fixture
def replay(monkeypatch):
    """A fake of the API and the exports."""
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with ReplayServer(CATALOGUE) as server:
        yield server


def settings_for(server, **changes):
    return Settings.load(**{"tmdb_token": server.token, "tmdb_api_url": server.url, **changes})


def test_a_database_that_accepts_no_writes_is_wrong(tables, monkeypatch):
    monkeypatch.setattr(reconnect, "PATIENCE_S", 0)
    tables.execute(f"alter database {tables.warehouse.url.database} set default_transaction_read_only = on")
    warehouse = Warehouse(url=tables.warehouse.url)
    (found,) = doctor.database(warehouse)
    assert (found.state, found.what) == ("wrong", "Warehouse")
    assert found.text.startswith("Postgres accepts no writes (its sessions are read-only). What is already stored is ")
    assert "let WAREHOUSE_URL name the primary" in found.text
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), warehouse.begin():
        pass


def set_step(tables, step):
    """Make the database look as if another release had made it."""
    tables.execute("update schema_version set version_num = :step", step=step)
    tables.execute("update applied_sql set sha256 = 'of another release'")


def fail_with(error):
    """A function that raises the error."""

    def fail(*arguments):
        raise error

    return fail


def states(findings):
    return {finding.what: finding.state for finding in findings}


@pytest.mark.parametrize(("free", "state"), [(50e9, "ok"), (3e9, "note"), (0.5e9, "wrong")])
def test_the_disk(free, state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(100e9, 0, free))
    assert doctor.disk().state == state


@pytest.mark.parametrize(
    ("off_s", "state", "word"), [(0, "ok", "UTC"), (59, "ok", "UTC"), (-61, "wrong", "slow"), (3600, "wrong", "fast")]
)
def test_the_clock(off_s, state, word):
    now = dt.datetime(2026, 7, 30, 12, tzinfo=dt.UTC)
    finding = doctor.clock(format_datetime(now - dt.timedelta(seconds=off_s), usegmt=True), now)
    assert (finding.state, word in finding.text) == (state, True)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_server_without_a_clock_is_no_fault(date):
    assert doctor.clock(date, partitions.now()).state == "note"


def test_without_a_token_nothing_is_requested():
    (finding,) = doctor.source(Settings.load())
    assert (finding.state, "SAMPLE" in finding.text) == ("note", True)


def test_a_valid_token_and_available_exports(replay):
    replay.faults = lambda *_: interim(103, then=Fault())
    found = states(doctor.source(settings_for(replay)))
    assert {name: found[name] for name in ("TMDb", "Exports")} == {"TMDb": "ok", "Exports": "ok"}
    assert replay.requests["languages"] == 1


@pytest.mark.parametrize(
    ("place", "state", "said"),
    [
        (".", "ok", "each run exports the tables to "),
        ("new/folder", "ok", "; the first run makes it"),
        ("file", "wrong", "file is not a folder. Change EXPORT_DIR, or unset it"),
        ("x" * 300, "wrong", "File name too long"),
    ],
)
def test_a_folder_for_exports(tmp_path, place, state, said):
    (tmp_path / "file").write_text("precious")
    finding = doctor.export_folder(tmp_path / place)
    assert (finding.state, finding.what) == (state, "Parquet")
    assert said in finding.text
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_wrong_token_and_exports_that_are_not_available(replay):
    wrong = settings_for(replay, tmdb_token="hush-hush", tmdb_export_url=f"{replay.url}/nowhere")
    findings = list(doctor.source(wrong))
    assert [(finding.what, finding.state) for finding in findings[:2]] == [("TMDb", "wrong"), ("Exports", "wrong")]
    assert "TMDB_TOKEN" in findings[0].text
    assert "TMDB_EXPORT_URL" in findings[1].text
    assert "hush-hush" not in findings[0].text + findings[1].text
    replay.faults = lambda path, params: Fault(status=404) if path == "/configuration/languages" else None
    finding = next(iter(doctor.source(settings_for(replay))))
    assert (finding.state, "There is no /configuration/languages" in finding.text) == ("wrong", True)


def test_hosts_that_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.2)
    dead = "http://127.0.0.1:9/3"
    findings = list(doctor.source(Settings.load(tmdb_token="t" * 32, tmdb_api_url=dead, tmdb_export_url=dead)))
    assert states(findings) == {"TMDb": "wrong", "Exports": "wrong", "Clock": "note"}
    assert all("127.0.0.1" in finding.text for finding in findings[:2])


@pytest.fixture
def roles(tables):
    """The roles, which belong to the server and outlive this database, and their rights in it."""
    apply_roles(tables.warehouse.engine, Settings.load(), is_embedded=True)


def test_a_healthy_database(tables, roles):
    found = [check(tables, name) for name in ("server_version", "schema", "rights", "newest_day")]
    assert [finding.state for finding in found] == ["ok"] * 4
    assert HEAD in found[1].text
    assert str(DAY) in found[3].text


def test_a_database_of_another_step(tables):
    tables.execute("update schema_version set version_num = '0002'")
    finding = check(tables, "schema")
    assert (finding.state, "tmdb-assets migrate" in finding.text) == ("wrong", True)


def test_an_older_schema_that_this_role_may_not_migrate(tables, roles):
    user = f"loader_of_{tables.warehouse.url.database}"
    set_step(tables, "0002")
    tables.execute(f"create role {user} login in role tmdb_loader")
    loader = Warehouse(url=tables.warehouse.url.set(username=user))
    (finding,) = doctor.database(loader)
    loader.close()
    tables.execute(f"drop owned by {user}")
    tables.execute(f"drop role {user}")
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "tmdb-assets migrate" in finding.text


def test_a_newer_schema(tables):
    set_step(tables, "9999")
    newcomer = Warehouse(url=tables.warehouse.url)
    (finding,) = doctor.database(newcomer)
    newcomer.close()
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "made by a newer tmdb-assets: its schema is at 9999" in finding.text
    assert "Install the newer release" in finding.text


def test_an_unreachable_database(server, monkeypatch):
    monkeypatch.setattr(reconnect, "OPENING_PATIENCE_S", 0.0)
    nowhere = Warehouse(url=server.url.set(host=None, port=None, query={"host": "127.0.0.1", "port": "9"}))
    (finding,) = doctor.database(nowhere)
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "127.0.0.1" in finding.text


def test_a_role_that_may_only_read(tables, roles):
    with tables.warehouse.begin() as connection:
        connection.exec_driver_sql("set local role tmdb_reader")
        finding = doctor.rights(connection)
    assert (finding.state, finding.text.split(":")[0]) == ("wrong", "tmdb_reader may not load days")


def test_a_server_without_the_readers_role(tables, roles):
    with tables.warehouse.engine.connect() as connection:  # ends without a commit: other tests need the role
        connection.exec_driver_sql("alter role tmdb_reader rename to another_reader")
        finding = doctor.rights(connection)
    assert (finding.state, finding.text.split("; ")[-1]) == ("ok", "no role tmdb_reader: tmdb-assets migrate --roles")


def test_roles_of_an_earlier_release(tables, roles):
    tables.execute(f"grant temporary on database {tables.warehouse.url.database} to public")
    finding = check(tables, "rights")
    assert finding.state == "note"
    assert finding.text.endswith("; tmdb_reader may create temporary tables: tmdb-assets migrate --roles")


def test_a_server_that_is_too_old(tables, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_POSTGRES", 99)
    finding = check(tables, "server_version")
    assert (finding.state, finding.text.split(". ")[-1]) == ("wrong", "Move it to Postgres 99 or later.")


NOW = dt.datetime(2026, 7, 30, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("ages_s", "state", "word"),
    [
        ({"SCHEDULER": 30, "SENSOR": 110, "BACKFILL": 9000}, "ok", "running:"),
        ({"SCHEDULER": 30, "SENSOR": 7200}, "note", "not running since 2026-07-30 10:00 UTC"),
        ({"SCHEDULER": 30}, "note", "tmdb-assets dev starts it"),
        ({}, "note", "not running: the schedule does not fire"),
    ],
)
def test_the_daemon(ages_s, state, word):
    finding = doctor.daemon({name: NOW.timestamp() - age for name, age in ages_s.items()}, NOW)
    assert (finding.state, word in finding.text) == (state, True)


def test_runs_whose_process_died_are_reported(tables, monkeypatch):
    with tables.warehouse.begin() as connection, DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(DagsterInstance, "get", staticmethod(lambda: instance))
        monkeypatch.setattr("tmdb_assets.instance.launcher.close_dead_runs", lambda found: ["a run"])
        _, storage, daemon = doctor.dagster_services(connection, DAY)
    assert storage == Finding("ok", "Dagster", "runs stored: 0; 1 whose process died are now marked as failed")
    assert daemon.state == "note"


@pytest.mark.parametrize("error", [DagsterInvariantViolationError("no home"), WarehouseUnavailableError("no server")])
def test_a_storage_of_dagster_that_cannot_be_opened(tables, monkeypatch, error):
    monkeypatch.setattr(DagsterInstance, "get", staticmethod(fail_with(error)))
    *_, finding = doctor.database(tables.warehouse)
    assert (finding.state, finding.what) == ("wrong", "Dagster")
    assert error.args[0] in finding.text


@pytest.mark.parametrize(("found", "code"), [(["ok", "note"], None), (["ok", "wrong", "note"], 1)])
def test_the_exit_code(found, code, monkeypatch, capsys):
    findings = [Finding(state, f"Check {number}", "what to do") for number, state in enumerate(found)]
    monkeypatch.setattr(doctor, "examine", lambda settings: findings)
    with pytest.raises(SystemExit) if code else nullcontext() as ended:
        maintenance.doctor.callback.__wrapped__()
    printed = capsys.readouterr()
    assert (ended.value.code if code else None) == code
    assert [line.split("  ")[0].strip() for line in printed.out.splitlines()] == found
    assert printed.err == ("Problems: 1\n" if code else "")


def test_the_command_prints_all_findings_in_order(database, replay, tmp_path):
    done = run(command_environment(database, replay, TMDB_ASSETS_HOME=str(tmp_path)), "doctor")
    lines = [re.split(r"\s{2,}", line) for line in done.stdout.splitlines()]
    names = ["Releases", "Disk", "TMDb", "Exports", "Clock", "Warehouse", "Schema", "Rights"]
    assert [name for _, name, _ in lines] == [*names, "Newest day", "Gaps", "Dagster", "Daemon"]
    assert {name for state, name, _ in lines if state == "wrong"} <= {"Disk"}  # what the machine has
    assert done.returncode == int(any(state == "wrong" for state, _, _ in lines))


def test_an_empty_database(warehouse):
    assert check(Tables(warehouse), "newest_day").state == "note"
