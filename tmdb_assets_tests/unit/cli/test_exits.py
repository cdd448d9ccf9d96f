"""What every command does first: create its folder, or end with one line if it cannot."""

from __future__ import annotations

import os

import pytest

from tmdb_assets.cli import exits
from tmdb_assets.warehouse.server import open as server_module


@pytest.fixture
def home(monkeypatch, tmp_path):
    """The command's folder, which does not exist yet."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DAGSTER_HOME", exits.HOME_VARIABLE):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(server_module, "stop_on_signals", lambda: None)
    folder = tmp_path / "new" / "home"
    monkeypatch.setattr(exits, "PROJECT_ROOT", folder)
    monkeypatch.setattr(exits, "DATA_DIR", folder / "data")
    return folder


def test_a_missing_home_is_created(home):
    assert exits.plain_errors(os.getcwd)() == str(home)
    assert os.environ[exits.HOME_VARIABLE] == str(home)
    assert (home / "data" / "dagster" / "dagster.yaml").read_text().startswith("#")


@pytest.mark.parametrize("target", ["another/dagster.yaml", "gone/dagster.yaml"])
def test_a_home_of_another_checkout_gets_this_ones_configuration(home, target):
    link = home / "data" / "dagster" / "dagster.yaml"
    other = home / "another" / "dagster.yaml"
    for folder in (link.parent, other.parent):
        folder.mkdir(parents=True)
    other.write_text("storage: of another release")
    link.symlink_to(home / target)
    exits.plain_errors(os.getcwd)()
    assert link.samefile(exits.SHIPPED_DIR / "dagster.yaml")
    assert other.read_text() == "storage: of another release"


def test_your_own_configuration_is_not_changed(home):
    file = home / "data" / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("telemetry: {enabled: false}")
    exits.plain_errors(os.getcwd)()
    assert not file.is_symlink()
    assert file.read_text() == "telemetry: {enabled: false}"


def test_a_home_that_cannot_be_created_is_reported_in_one_line(home, capsys):
    home.parent.write_text("a file")
    with pytest.raises(SystemExit) as end:
        exits.plain_errors(os.getcwd)()
    assert end.value.code == exits.UNUSABLE
    text = f"{home} cannot be written: Not a directory. Choose another folder: TMDB_ASSETS_HOME=...\n"
    assert capsys.readouterr().err == text
