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


def test_a_home_that_cannot_be_made_is_told_in_a_line(home, capsys):
    home.parent.write_text("a file in its place")
    with pytest.raises(SystemExit) as end:
        exits.plain_errors(os.getcwd)()
    assert end.value.code == exits.UNUSABLE
    told = f"Nothing can be kept in {home}: Not a directory. Name a folder of yours: TMDB_ASSETS_HOME=...\n"
    assert capsys.readouterr().err == told
