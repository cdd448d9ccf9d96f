"""What every command does first: its folder, and one line where that cannot be used."""

from __future__ import annotations

import os

import pytest

from tmdb_assets.cli import exits
from tmdb_assets.warehouse.server import open as server_module


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A folder that is not there yet, where the command is to keep its things."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DAGSTER_HOME", exits.HOME_VARIABLE):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(server_module, "stop_on_signals", lambda: None)
    wanted = tmp_path / "new" / "home"
    monkeypatch.setattr(exits, "PROJECT_ROOT", wanted)
    monkeypatch.setattr(exits, "DATA_DIR", wanted / "data")
    return wanted


def test_a_home_that_is_not_there_is_made(home):
    assert exits.plain_errors(os.getcwd)() == str(home)
    assert os.environ[exits.HOME_VARIABLE] == str(home)
    assert (home / "data" / "dagster" / "dagster.yaml").read_text().startswith("#")


@pytest.mark.parametrize("target", ["another/dagster.yaml", "gone/dagster.yaml"])
def test_a_home_that_another_checkout_made_gets_the_configuration_of_this_one(home, target):
    link = home / "data" / "dagster" / "dagster.yaml"
    other = home / "another" / "dagster.yaml"
    for folder in (link.parent, other.parent):
        folder.mkdir(parents=True)
    other.write_text("storage: of another release")
    link.symlink_to(home / target)
    exits.plain_errors(os.getcwd)()
    assert link.samefile(exits.SHIPPED_DIR / "dagster.yaml")
    assert other.read_text() == "storage: of another release"


def test_a_configuration_of_ones_own_is_left_alone(home):
    file = home / "data" / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("telemetry: {enabled: false}")
    exits.plain_errors(os.getcwd)()
    assert not file.is_symlink()
    assert file.read_text() == "telemetry: {enabled: false}"


def test_a_home_that_cannot_be_made_is_told_in_a_line(home, capsys):
    home.parent.write_text("a file in its place")
    with pytest.raises(SystemExit) as end:
        exits.plain_errors(os.getcwd)()
    assert end.value.code == exits.UNUSABLE
    told = f"Nothing can be kept in {home}: Not a directory. Name a folder of yours: TMDB_ASSETS_HOME=...\n"
    assert capsys.readouterr().err == told
