"""The doctor's findings, on sound and on unsound set-ups: each says what is wrong and what to do."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import namedtuple
from email.utils import format_datetime

import pytest

from tmdb_assets import doctor, partitions
from tmdb_assets.doctor import Finding
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.migrations import HEAD
from tmdb_assets_tests.awkward import catalogue, sound_films
from tmdb_assets_tests.compare import Tables, copied_warehouse
from tmdb_assets_tests.platform import loaded_by_fake
from tmdb_assets_tests.replay import ReplayServer

DAY = dt.date(2026, 7, 29)
TODAY = DAY + dt.timedelta(days=1)
CATALOGUE = catalogue(sound_films(20))
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def loaded_database(server):
    with loaded_by_fake(server, CATALOGUE, DAY) as name:
        yield name


@pytest.fixture
def tables(server, loaded_database, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with copied_warehouse(server, loaded_database) as made:
        yield Tables(made)


def look(tables, name):
    with tables.warehouse.begin() as connection:
        return getattr(doctor, name)(connection)


@pytest.fixture
def replay(monkeypatch):
    """A look-alike of API and exports, and settings that lead to it."""
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with ReplayServer(CATALOGUE) as server:
        yield server


def settings_for(server, **changes):
    given = {"tmdb_token": server.token, "tmdb_api_url": server.url, **changes}
    return Settings.load(**given)


def states(findings):
    return {finding.what: finding.state for finding in findings}


def test_the_packages_of_this_environment_are_right():
    assert doctor.packages().state == "ok"
    assert doctor.python_version().state == "ok"


def test_a_package_of_another_version_is_named(monkeypatch):
    monkeypatch.setattr(
        doctor, "requires", lambda name: ["dagster==0.1", "no-such-package>=2", "pytest>=1; extra == 'dev'"]
    )
    finding = doctor.packages()
    assert finding.state == "wrong"
    assert "needed is ==0.1" in finding.text
    assert "no-such-package is missing" in finding.text
    assert "pytest" not in finding.text


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
    assert states(findings) == {"TMDb": "wrong", "Exports": "wrong"}
    assert all("127.0.0.1" in finding.text for finding in findings)


def test_a_sound_database(tables):
    found = [look(tables, name) for name in ("server_version", "schema", "rights", "newest_day", "gaps")]
    assert [finding.state for finding in found] == ["ok"] * 5
    assert HEAD in found[1].text
    assert str(DAY) in found[3].text


def test_a_database_of_another_step(tables):
    tables.execute("update schema_version set version_num = '0002'")
    finding = look(tables, "schema")
    assert (finding.state, "tmdb-assets migrate" in finding.text) == ("wrong", True)


def test_an_old_newest_day_and_its_gaps(tables, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY + dt.timedelta(days=4))
    assert look(tables, "newest_day").state == "wrong"
    finding = look(tables, "gaps")
    assert finding == Finding(
        "wrong",
        "Gaps",
        "3 days are missing, the first 2026-07-30, the last 2026-08-01: "
        "tmdb-assets backfill --from 2026-07-30 --to 2026-08-01",
    )


def test_an_empty_database(warehouse):
    assert look(Tables(warehouse), "newest_day").state == "note"
    assert look(Tables(warehouse), "gaps").state == "ok"
