"""The doctor when a check fails in a way that nobody foresaw: a finding, without a stack trace and without a secret."""

from __future__ import annotations

import pytest
from urllib3.exceptions import LocationParseError

from tmdb_assets.cli import doctor
from tmdb_assets.cli.doctor import Finding
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server import open as server_open
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets_tests.oracle.compare import Tables


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            PermissionError(13, "Permission denied", "/data"),
            "this cannot be examined (PermissionError: Permission denied, /data)",
        ),
        (TypeError("hush-hush"), "this cannot be examined (TypeError)"),
        (LocationParseError("http://u:hush-hush@h"), "this cannot be examined (LocationParseError)"),
        (WarehouseUnavailableError("It is\x1b[31m gone"), "It is [31m gone. Nothing was changed."),
    ],
)
def test_an_error_of_any_check_is_a_finding(error, text, monkeypatch):
    def fails(*_):
        raise error

    for name in ("releases", "disk", "source", "_tables_and_services"):
        monkeypatch.setattr(doctor, name, fails)
    found = list(doctor.examine(Settings.load(tmdb_token="t")))
    assert found == [Finding("wrong", what, text) for what in ("Releases", "Disk", "TMDb", "Warehouse")]


def test_tables_of_the_wrong_kind_are_findings(warehouse):
    Tables(warehouse).execute(
        "drop view if exists vw_load_status; alter table load_day rename column date_id to day_id"
    )
    found = {finding.what: (finding.state, finding.text) for finding in doctor.database(warehouse)}
    assert found["Newest day"] == ("wrong", "column load_day.date_id does not exist")
    assert found["Schema"][0] == "ok"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hush-hush@127.0.0.1:1/db?sslmode=hush-hush",
        "postgresql://u:hush-hush@127.0.0.1:1/db?connect_timeout=hush-hush",
        "postgresql://u:hush-hush@127.0.0.1:1/db?hush-hush=1&sslpassword=hush-hush",
        "postgresql://127.0.0.1:1/db?password=hush-hush",
    ],
)
def test_no_value_of_the_warehouses_url_is_shown(url, monkeypatch):
    monkeypatch.setattr(server_open, "PATIENCE_S", 0.0)
    monkeypatch.setattr(reconnect, "OPENING_PATIENCE_S", 0.0)
    texts = [finding.text for finding in doctor.examine(Settings.load(warehouse_url=url))]
    assert "Postgres at 127.0.0.1:1/tmdb_sandbox" in texts[-1]
    assert "hush-hush" not in texts[-1].replace('"hush-hush"', "", "?hush-hush" in url)
