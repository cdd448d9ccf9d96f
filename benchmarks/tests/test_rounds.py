"""The figures of one tiny round of a day, of a second day and of a load."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tmdb_assets.settings import PROJECT_ROOT


def test_one_tiny_round_of_a_day_gives_sane_figures(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.run_day", "--films", "40", "--latency-ms", "0", "--rounds", "1"]
    done = subprocess.run([*command, "--json", str(written)], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(written.read_text())
    assert (told["films"], told["latency_ms"]) == (40, 0)
    (floor,), (first,), (second,) = (told["figures"][what] for what in ("floor", "first run", "second run"))
    # Two pages and 40 films; the platform asks for three lists and the export too, and on the second run for nothing.
    assert [run["requests"] for run in (floor, first, second)] == [42, 46, 0]
    assert 0 < floor["wall_s"] < first["wall_s"]
    assert second["cpu_s"] > 0.5
    assert 20 < floor["peak_mb"] < first["peak_mb"] < 500
    assert told["ratio"]["first run"] == [pytest.approx(first["wall_s"] / floor["wall_s"])]
    for what, run in (("first run", first), ("second run", second)):
        (seconds,) = told["phases"][what]
        assert math.isclose(sum(seconds.values()), run["wall_s"], abs_tol=0.001)
        assert all(value >= 0 for value in seconds.values())
        assert min(seconds[name] for name in ("start-up", "loading", "charts", "checks across tables")) > 0
    assert "RATIO first run / floor" in done.stdout


def test_tiny_second_day_gives_sane_figures(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.ingest", "--films", "60", "--parts", "second-day", "--latency-ms", "0"]
    done = subprocess.run([*command, "--json", str(written)], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = json.loads(written.read_text())["figures"].values()
    # Three pages of discover, one of changes for each of two days, the edited films and the export.
    assert (told["details"], told["requests"], told["refused"]) == (5, 3 + 2 + 5 + 1, 0)
    assert told["floor_s"] == pytest.approx(10 / 50)
    assert told["ratio"] == pytest.approx(told["wall_s"] / told["floor_s"])
    assert "second-day: wall_s" in done.stdout


def test_one_tiny_round_of_a_load_gives_sane_figures(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.load_rows", "--rows", "300", "--json", str(written)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(written.read_text())
    assert told["rows"] == 300
    for step in ("insert", "again", "update"):
        (slow,), (fast,) = told["seconds"]["batched"][step], told["seconds"]["load"][step]
        assert told["ratio"][step] == pytest.approx(slow / fast)
        assert f"{step}: " in done.stdout
