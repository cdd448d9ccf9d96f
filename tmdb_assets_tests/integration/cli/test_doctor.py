"""The doctor's findings, on sound and on unsound set-ups: each says what is wrong and what to do."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections import namedtuple
from email.utils import format_datetime
from importlib.metadata import PackageNotFoundError

import pytest
from dagster import DagsterInstance, DagsterInvariantViolationError

from tmdb_assets import partitions
from tmdb_assets.cli import doctor, maintenance
from tmdb_assets.cli.doctor import Finding
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import ReplayServer
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


def look(tables, name):
    with tables.warehouse.begin() as connection:
        options = {"first_day": tables.warehouse.settings.tmdb_first_day} if name == "gaps" else {}
        return getattr(doctor, name)(connection, **options)


@pytest.fixture
def replay(monkeypatch):
    """A look-alike of API and exports, and settings that lead to it."""
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with ReplayServer(CATALOGUE) as server:
        yield server


def settings_for(server, **changes):
    given = {"tmdb_token": server.token, "tmdb_api_url": server.url, **changes}
    return Settings.load(**given)


def make_of_step(tables, step):
    """Let the database seem to be of another release."""
    tables.execute("update schema_version set version_num = :step", step=step)
    tables.execute("update applied_sql set sha256 = 'of another release'")


def fail_with(error):
    """A function that raises the error, whatever it is given."""

    def fail(*arguments):
        raise error

    return fail


def states(findings):
    return {finding.what: finding.state for finding in findings}


def test_the_packages_of_this_environment_are_right():
    assert doctor.packages().state == "ok"
    assert doctor.python_version().state == "ok"


def test_a_checkout_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(doctor, "version", fail_with(PackageNotFoundError("tmdb-assets")))
    finding = doctor.packages()
    assert (finding.state, "not installed" in finding.text) == ("wrong", True)


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


@pytest.mark.parametrize("told", [None, "", "yesterday"])
def test_a_server_without_a_clock_is_no_fault(told):
    assert doctor.clock(told, partitions.now()).state == "note"


def test_without_a_token_nothing_is_asked():
    (finding,) = doctor.source(Settings.load())
    assert (finding.state, "SAMPLE" in finding.text) == ("note", True)


def test_a_right_token_and_exports_at_hand(replay):
    found = states(doctor.source(settings_for(replay)))
    assert {name: found[name] for name in ("TMDb", "Exports")} == {"TMDb": "ok", "Exports": "ok"}
    assert replay.requests["languages"] == 1


def test_a_wrong_token_and_exports_that_are_not_there(replay):
    findings = list(
        doctor.source(settings_for(replay, tmdb_token="hush-hush", tmdb_export_url=f"{replay.url}/nowhere"))
    )
    assert {name: state for name, state in states(findings).items() if name != "Clock"} == {
        "TMDb": "wrong",
        "Exports": "wrong",
    }
    assert "TMDB_TOKEN" in findings[0].text
    assert "TMDB_EXPORT_URL" in findings[1].text
    assert "hush-hush" not in findings[0].text + findings[1].text


def test_hosts_that_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(doctor, "TIMEOUT_S", 0.2)
    dead = "http://127.0.0.1:9/3"
    findings = list(doctor.source(Settings.load(tmdb_token="t" * 32, tmdb_api_url=dead, tmdb_export_url=dead)))
    assert states(findings) == {"TMDb": "wrong", "Exports": "wrong", "Clock": "note"}
    assert all("127.0.0.1" in finding.text for finding in findings[:2])


def test_a_sound_database(tables):
    found = [look(tables, name) for name in ("server_version", "schema", "rights", "newest_day", "gaps")]
    assert [finding.state for finding in found] == ["ok"] * 5
    assert HEAD in found[1].text
    assert str(DAY) in found[3].text


def test_a_database_of_another_step(tables):
    tables.execute("update schema_version set version_num = '0002'")
    finding = look(tables, "schema")
    assert (finding.state, "tmdb-assets migrate" in finding.text) == ("wrong", True)


def test_an_older_schema_that_this_role_may_not_bring_up(tables, server):
    user = f"loader_of_{tables.warehouse.url.database}"
    apply_roles(tables.warehouse.engine, Settings.load(), is_embedded=True)
    make_of_step(tables, "0002")
    tables.execute(f"create role {user} login in role tmdb_loader")
    loader = Warehouse(url=tables.warehouse.url.set(username=user))
    (finding,) = doctor.looks_at_database(loader)
    loader.close()
    tables.execute(f"drop owned by {user}")
    tables.execute(f"drop role {user}")
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "tmdb-assets migrate" in finding.text


def test_a_newer_schema(tables):
    make_of_step(tables, "9999")
    newcomer = Warehouse(url=tables.warehouse.url)
    (finding,) = doctor.looks_at_database(newcomer)
    newcomer.close()
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "made by a newer tmdb-assets: its schema is at 9999" in finding.text
    assert "Install the newer release" in finding.text


def test_a_database_that_is_not_there(server):
    nowhere = Warehouse(url=server.url.set(host=None, port=None, query={"host": "127.0.0.1", "port": "9"}))
    (finding,) = doctor.looks_at_database(nowhere)
    assert (finding.state, finding.what) == ("wrong", "Warehouse")
    assert "127.0.0.1" in finding.text


def test_a_role_that_may_read_alone(tables):
    apply_roles(tables.warehouse.engine, Settings.load(), is_embedded=True)
    with tables.warehouse.begin() as connection:
        connection.exec_driver_sql("set local role tmdb_reader")
        finding = doctor.rights(connection)
    assert (finding.state, finding.text.split(":")[0]) == ("wrong", "tmdb_reader may not load days")


def test_roles_of_an_earlier_release(tables):
    apply_roles(tables.warehouse.engine, Settings.load(), is_embedded=True)
    tables.execute(f"grant temporary on database {tables.warehouse.url.database} to public")
    finding = look(tables, "rights")
    assert finding.state == "note"
    assert finding.text.endswith("; tmdb_reader may make temporary tables: tmdb-assets migrate --roles")


def test_a_server_that_is_too_old(tables, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_POSTGRES", 99)
    finding = look(tables, "server_version")
    assert (finding.state, finding.text.split(". ")[-1]) == ("wrong", "Move it to Postgres 99 or later.")


NOW = dt.datetime(2026, 7, 30, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("ages_s", "state", "word"),
    [
        ({"SCHEDULER": 30, "SENSOR": 110, "BACKFILL": 9000}, "ok", "alive"),
        ({"SCHEDULER": 30, "SENSOR": 7200}, "note", "not running since 2026-07-30 10:00 UTC"),
        ({"SCHEDULER": 30}, "note", "tmdb-assets dev starts it"),
        ({}, "note", "not running: the schedule does not fire"),
    ],
)
def test_the_daemon(ages_s, state, word):
    finding = doctor.daemon({name: NOW.timestamp() - age for name, age in ages_s.items()}, NOW)
    assert (finding.state, word in finding.text) == (state, True)


def test_runs_of_dagster_whose_process_died_are_told_of(monkeypatch):
    with DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(DagsterInstance, "get", staticmethod(lambda: instance))
        monkeypatch.setattr("tmdb_assets.instance.launcher.close_dead_runs", lambda found: ["a run"])
        storage, daemon = doctor.dagster_services()
    assert storage == Finding("ok", "Dagster", "runs stored: 0; 1 whose process died are now marked as failed")
    assert daemon.state == "note"


@pytest.mark.parametrize("error", [DagsterInvariantViolationError("no home"), WarehouseUnavailableError("no server")])
def test_a_storage_of_dagster_that_cannot_be_opened(tables, monkeypatch, error):
    monkeypatch.setattr(DagsterInstance, "get", staticmethod(fail_with(error)))
    *_, finding = doctor.looks_at_database(tables.warehouse)
    assert finding == Finding("wrong", "Dagster", str(error))


@pytest.mark.parametrize(("found", "code"), [(["ok", "note"], None), (["ok", "wrong", "note"], 1)])
def test_the_exit_code_tells(found, code, monkeypatch, capsys):
    findings = [Finding(state, f"Look {number}", "what to do") for number, state in enumerate(found)]
    monkeypatch.setattr(doctor, "examine", lambda settings: findings)
    try:
        maintenance.doctor.callback.__wrapped__()
        ended = None
    except SystemExit as end:
        ended = end.code
    told = capsys.readouterr()
    assert ended == code
    assert [line.split("  ")[0].strip() for line in told.out.splitlines()] == found
    assert told.err == ("1 thing is wrong.\n" if code else "")


def test_the_command_tells_all_in_their_order(database, replay, tmp_path):
    done = run(command_environment(database, replay, TMDB_ASSETS_HOME=str(tmp_path)), "doctor")
    lines = [re.split(r"\s{2,}", line) for line in done.stdout.splitlines()]
    names = ["Python", "Packages", "Disk", "TMDb", "Exports", "Clock", "Warehouse", "Schema", "Rights"]
    assert [name for _, name, _ in lines] == [*names, "Newest day", "Gaps", "Dagster", "Daemon"]
    assert {name for state, name, _ in lines if state == "wrong"} <= {"Disk"}  # what the machine has
    assert done.returncode == int(any(state == "wrong" for state, _, _ in lines))


def test_a_single_gap(tables, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY + dt.timedelta(days=2))
    assert look(tables, "newest_day").state == "wrong"
    told = "2026-07-30 is missing: tmdb-assets backfill --from 2026-07-30 --to 2026-07-30"
    assert look(tables, "gaps") == Finding("wrong", "Gaps", told)


def test_no_gap(tables):
    assert look(tables, "gaps") == Finding("ok", "Gaps", f"no day is missing since {DAY}")


def test_a_day_without_its_export(tables):
    tables.execute("delete from fetch_log where kind = 'export'")
    told = f"no day is missing since {DAY}; 1 without the export, the first {DAY}: "
    told += f"tmdb-assets backfill --refresh --from {DAY} --to {DAY}"
    assert look(tables, "gaps") == Finding("note", "Gaps", told)


def test_an_old_newest_day_and_its_gaps(tables, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY + dt.timedelta(days=4))
    assert look(tables, "newest_day").state == "wrong"
    told = "3 days are missing, the first 2026-07-30, the last 2026-08-01: "
    told += "tmdb-assets backfill --from 2026-07-30 --to 2026-08-01"
    assert look(tables, "gaps") == Finding("wrong", "Gaps", told)


def test_an_empty_database(warehouse):
    assert look(Tables(warehouse), "newest_day").state == "note"
    assert look(Tables(warehouse), "gaps") == Finding("note", "Gaps", "nothing to count yet")
