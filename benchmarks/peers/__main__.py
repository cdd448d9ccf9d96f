"""Compare a day's run with dlt and with a hand-written script: same films, load server, Postgres and machine.

    python -m benchmarks.peers [--films 2000] [--rounds 3] [--parts days,mishaps] [--latency-ms 60]
        [--append off] [--dlt-python PYTHON] [--json FILE]

Each loads the day into an empty database, then the same day again; every load is compared with what the API sent
before its figures count. dlt and the script request no credits, keywords and releases; the platform does, unless
`--append off`. Ratios are those within a round. Then days go wrong (`mishaps`). Without --dlt-python an environment
with dlt is made, from the package index that pip is configured for. Exit code 0, or 1 when a plain load failed or
loaded other data.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.bench import BenchmarkError, bench_folder, machine, private_server
from benchmarks.fake_api import LoadServerError
from benchmarks.films import MOST_FILMS
from benchmarks.peers.contenders import Contender, contenders, make_dlt
from benchmarks.peers.lab import Lab
from benchmarks.peers.mishaps import try_kill, try_limit, try_troubles
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError

PARTS = ("days", "mishaps")
RUNS = ("first run", "same day again")
MEASURES = ("wall_s", "cpu_s", "peak_mb", "requests")
Figures = dict[str, dict[str, list[dict[str, float]]]]  # contender -> run -> a round's figures
Facts = dict[str, dict[str, str]]  # what went wrong -> contender -> the outcome


def measure_rounds(lab: Lab) -> Figures:
    """The figures of loading the day into an empty database and again, by each contender in turn."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with lab.api(lab.given.films, lab.today, lab.given.latency_ms) as made:
        for _ in range(lab.given.rounds):
            for contender in lab.contenders:
                state = lab.remake(made, contender)
                for run in RUNS:
                    figures[contender.name][run].append(lab.measured(made, run, contender, state))
                    print(f"  {contender.name}, {run}: {figures[contender.name][run][-1]['wall_s']:.2f} s", flush=True)
                made.forget_runs()
    return figures


def try_mishaps(lab: Lab) -> Facts:
    """The outcome of each day that went wrong."""
    facts: Facts = defaultdict(dict)

    def say(contender: Contender, what: str, fact: str) -> None:
        facts[what][contender.name] = fact
        print(f"  {what}, {contender.name}: {fact}", flush=True)

    for attempt in (try_troubles, try_kill, try_limit):
        attempt(lab, say)
    return facts


def print_table(figures: Figures) -> None:
    """Print medians as a Markdown table, one line per contender and run."""
    print("| | wall s | CPU s | peak MB | requests |\n| --- | --- | --- | --- | --- |")
    for name, runs in figures.items():
        for run, rounds in runs.items():
            wall, cpu, peak, requests = (statistics.median(found[measure] for found in rounds) for measure in MEASURES)
            print(f"| {name}, {run} | {wall:.1f} | {cpu:.1f} | {peak:.0f} | {requests:,.0f} |")


def ratios(figures: Figures) -> dict[str, float]:
    """The platform's figures as multiples of dlt's in the same round, medians: wall of both runs, CPU of the first."""
    ours, dlt = figures["tmdb-assets"], figures["dlt"]
    return {
        f"{run}, {measure}": statistics.median(
            mine[measure] / theirs[measure] for mine, theirs in zip(ours[run], dlt[run], strict=True)
        )
        for run, measure in ((RUNS[0], "wall_s"), (RUNS[1], "wall_s"), (RUNS[0], "cpu_s"), (RUNS[1], "cpu_s"))
    }


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="Compare with dlt and a script.")
    parser.add_argument("--films", type=int, default=2000, help="films of the day; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; default: %(default)s")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated; default: %(default)s")
    parser.add_argument("--latency-ms", type=float, default=60, help="the API's latency; default: %(default)s")
    parser.add_argument("--append", help="TMDB_APPEND of the platform, as off; default: the platform's own default")
    parser.add_argument("--dlt-python", type=Path, help="Python of an environment with dlt[postgres]; default: made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    found.parts = found.parts.split(",")
    if not set(found.parts) <= set(PARTS):
        parser.error(f"unknown parts; there are {', '.join(PARTS)}")
    if not 40 <= found.films <= MOST_FILMS or found.rounds < 1:
        parser.error(f"--films must be from 40 to {MOST_FILMS}, --rounds at least 1")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table and the facts; return the exit code."""
    given = _arguments(arguments)
    today = dt.datetime.now(dt.UTC).date()
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            lab = Lab(folder, server, given, today, contenders(given.dlt_python or make_dlt(folder / "dlt")))
            about = machine(server) | {"load_average": os.getloadavg()[0]}
            print(f"{given.films} films, {given.latency_ms:g} ms latency, no rate limit; {about}", flush=True)
            figures = measure_rounds(lab) if "days" in given.parts else {}
            facts = try_mishaps(lab) if "mishaps" in given.parts else {}
    except (BenchmarkError, LoadServerError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    print_table(figures)
    for what, ratio in ratios(figures).items() if figures else ():
        print(f"RATIO tmdb-assets / dlt, {what}: {ratio:.2f}")
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "figures": figures, "facts": facts}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
