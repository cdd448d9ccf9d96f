"""Time the first page in a fresh clone: `git clone`, then `make run`, and `make run` again.

    python -m benchmarks.fresh [--rounds 1] [--json FILE]

It needs only the project, committed: no account, as the sandbox answers. The caches of pip and uv stay as they are; the
clone has its own environment and data. Exit code 0, or 1 when a command failed or wrote no page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.bench import BenchmarkError, bench_folder
from benchmarks.fake_api import ROOT

MAKE = shutil.which("make") or "/usr/bin/make"
GIT = shutil.which("git") or "/usr/bin/git"
TIMEOUT_S = 1800
STEPS = ("make run in a fresh clone", "make run again")


def measure_clone(folder: Path) -> dict[str, dict[str, float]]:
    """The figures of both commands in a new clone in `folder`. Raises `BenchmarkError` when one fails."""
    clone, output = folder / "clone", folder / "output.txt"
    subprocess.run([GIT, "clone", "--quiet", str(ROOT), str(clone)], check=True)
    # Without any setting, as for someone who has just cloned it.
    settings = ("TMDB_", "WAREHOUSE_", "DAGSTER_", "VIRTUAL_ENV", "PYTHON", "MAKE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    measure = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "measure.py"), str(TIMEOUT_S), str(output)]
    found = {}
    for step in STEPS:
        done = subprocess.run(
            [*measure, MAKE, "run"], cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        found[step] = json.loads(done.stdout)
        if found[step]["exit_code"] or not list((clone / "data" / "reports").glob("dashboard_*.html")):
            raise BenchmarkError(f"{step} failed; its output:\n{output.read_text(errors='replace')[-3000:]}")
        print(f"  {step}: {found[step]['wall_s']:.1f} s, {found[step]['cpu_s']:.1f} s of CPU", flush=True)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fresh", description="Time the first page.")
    parser.add_argument("--rounds", type=int, default=1, help="clones; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    given = parser.parse_args(arguments)
    rounds = []
    try:
        for _ in range(given.rounds):
            with bench_folder() as folder:
                rounds.append(measure_clone(folder))
    except (BenchmarkError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        given.json.write_text(json.dumps(rounds, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
