"""The figures of one tiny round of each benchmark."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tmdb_assets.settings import PROJECT_ROOT


def run_benchmark(folder: Path, name: str, *options: str) -> tuple[str, Any]:
    """Run a benchmark; return what it printed and the figures that it wrote."""
    written = folder / "figures.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *options, "--json", str(written)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(written.read_text())


def test_a_day(tmp_path: Path) -> None:
    printed, found = run_benchmark(tmp_path, "run_day", "--films", "40", "--latency-ms", "0", "--rounds", "1")
    assert (found["films"], found["latency_ms"]) == (40, 0)
    (floor,), (first,), (second,) = (found["figures"][what] for what in ("floor", "first run", "second run"))
    # Two pages and 40 films; the platform also requests three lists and the export, and nothing on the second run.
    assert [run["requests"] for run in (floor, first, second)] == [42, 46, 0]
    assert 0 < floor["wall_s"] < first["wall_s"]
    assert second["cpu_s"] > 0.5
    assert 20 < floor["peak_mb"] < first["peak_mb"] < 500
    assert found["ratio"]["first run"] == [pytest.approx(first["wall_s"] / floor["wall_s"])]
    for what, run in (("first run", first), ("second run", second)):
        (seconds,) = found["phases"][what]
        assert math.isclose(sum(seconds.values()), run["wall_s"], abs_tol=0.001)
        assert all(value >= 0 for value in seconds.values())
        assert min(seconds[name] for name in ("start-up", "loading", "charts", "checks across tables")) > 0
    assert "RATIO first run / floor" in printed


def test_each_part_of_ingestion(tmp_path: Path) -> None:
    sizes = ["--films", "60", "--days", "2", "--pace-films", "40", "--catalogue-films", "300", "--latency-ms", "0"]
    printed, found = run_benchmark(tmp_path, "ingest", *sizes)
    parts = found["figures"]
    # Three pages, 60 films, three lists and the export.
    assert parts["first-day"]["requests"] == 3 + 60 + 3 + 1
    # Three pages of discover, one of changes for each of two days, the edited films and the export.
    second = parts["second-day"]
    assert (second["details"], second["requests"], second["refused"]) == (5, 3 + 2 + 5 + 1, 0)
    assert second["floor_s"] == pytest.approx(10 / 50)
    assert second["ratio"] == pytest.approx(second["wall_s"] / second["floor_s"])
    people = parts["people"]
    assert people["wall_ratio"] == pytest.approx(people["wall_s"] / people["without_wall_s"])
    assert people["cpu_ratio"] > 0.5
    assert parts["history"]["requests"] == 2
    assert parts["pace"]["refused"] == 0
    assert parts["catalogue"]["data_pages"] == 15
    assert "second-day: wall_s" in printed


def test_a_load(tmp_path: Path) -> None:
    printed, found = run_benchmark(tmp_path, "load_rows", "--rows", "300")
    assert found["rows"] == 300
    for step in ("insert", "again", "update"):
        (slow,), (fast,) = found["seconds"]["batched"][step], found["seconds"]["load"][step]
        assert found["ratio"][step] == pytest.approx(slow / fast)
        assert f"{step}: " in printed


def test_days_of_history(tmp_path: Path) -> None:
    printed, found = run_benchmark(tmp_path, "scale", "--rows", "1000", "--films", "200")
    assert found["rows"] == 1600
    assert "growth of the fact at 10,000 films a day" in printed


def test_an_export(tmp_path: Path) -> None:
    printed, found = run_benchmark(tmp_path, "export", "--rows", "1000", "--films", "200")
    figures = found["figures"]
    assert (found["rows"], figures["the month's file"]["rows"]) == (1000, 1000)
    assert [figures[run]["written"] for run in ("nothing changed", "the month alone", "its features")] == [0, 1, 1]
    assert "the month alone, peak MB" in printed
