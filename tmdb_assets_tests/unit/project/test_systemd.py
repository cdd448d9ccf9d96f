"""The units in deploy/systemd: hardened, valid, and for the commands and folders that the documents name."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.unit.project.test_docs import fault_of

UNITS = sorted((PROJECT_ROOT / "deploy" / "systemd").glob("*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
BELOW = 40  # of 100: "OK"
FOLDER = "/srv/tmdb-assets"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def name(unit: Path) -> str:
    return unit.name


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_a_service_is_hardened(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={BELOW}", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_systemd
def test_an_open_service_is_found(tmp_path: Path) -> None:
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={BELOW}", "--no-pager", str(unit)]
    assert subprocess.run(command, capture_output=True).returncode != 0


@needs_systemd
def test_the_units_are_valid(tmp_path: Path) -> None:
    for unit in UNITS:  # with a program that is there: `verify` asks for it
        text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", unit.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if line.startswith((str(tmp_path), "tmdb-assets"))]
    assert complaints == []


@pytest.mark.parametrize("unit", SERVICES, ids=name)
def test_a_service_runs_a_command_of_ours_in_the_folder_it_may_write(unit: Path) -> None:
    text = unit.read_text("utf-8")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, flags=re.MULTILINE)
    program, *arguments = shlex.split(line)
    if program == f"{FOLDER}/.venv/bin/tmdb-assets":
        assert fault_of(arguments) is None
    assert re.findall(r"^(?:WorkingDirectory|ReadWritePaths)=(.*)$", text, flags=re.MULTILINE) == [
        FOLDER,
        f"{FOLDER}/data",
    ]
    # Empty homes, not closed ones: Streamlit fails on files there that it may not look for.
    assert re.findall(r"^ProtectHome=(.*)$", text, flags=re.MULTILINE) == ["tmpfs"]
