"""Time the whole process `tmdb-assets run`, compared with a floor without any framework, and print the figures.

    python -m benchmarks.run_day [--films 2000] [--rounds 3] [--latency-ms 60] [--profile] [--json FILE]

A round is: the floor into an empty database, then a day's run into an empty database with an empty Dagster storage,
then the same day again. Every load is compared with what the API sent before its time counts. Exit code 0, or 1 when a
run failed or loaded other data, as one interrupted by midnight (UTC) does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import FLOOR, Bench, BenchmarkError, bench_folder, machine, private_server
from benchmarks.fake_api import LoadServerError, fake_api
from benchmarks.films import MOST_FILMS, expected_figures, read_films, write_films
from benchmarks.phases import read_imports, read_phases
from tmdb_assets.tmdb.sandbox.routes import PAGE_SIZE
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError

DAY = [str(Path(sys.executable).with_name("tmdb-assets")), "run"]
# What a run may take at most with the default films and latency, on two cores: seconds, seconds, MB.
BOUNDS = {("first run", "wall_s"): 14.0, ("second run", "wall_s"): 10.0, ("first run", "peak_mb"): 500.0}


@dataclass
class Rounds(Bench):
    """The figures and phases of every round, by process."""

    figures: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    phases: dict[str, list[dict[str, float]]] = field(default_factory=dict)


@contextmanager
def bench(films: int, latency_ms: float) -> Iterator[Rounds]:
    """Films, API and server of this benchmark, deleted after it."""
    today = dt.datetime.now(dt.UTC).date()
    with bench_folder() as folder:
        (folder / "films").mkdir()
        write_films(folder / "films", films)
        expected = expected_figures(read_films(folder / "films", today))
        with private_server(folder / "postgres") as server, fake_api(folder / "films", today, latency_ms) as url:
            yield Rounds(folder, url, server, str(math.ceil(films / PAGE_SIZE)), expected)


def measure_round(made: Rounds) -> None:
    """One round: the floor, a day's first run, the same day again; adds to the figures."""
    made.remake("bench", "floor", "dagster")
    for what, command, database in (
        ("floor", FLOOR, "floor"),
        ("first run", DAY, "bench"),
        ("second run", DAY, "bench"),
    ):
        before = made.requests()
        figures = made.run(what, command, database)
        figures["requests"] = made.requests() - before
        made.figures.setdefault(what, []).append(figures)
        if command is DAY:
            phases = read_phases(made.database_url("dagster"), figures["started_at"], figures["wall_s"])
            made.phases.setdefault(what, []).append(phases)
        print(f"  {what}: {figures['wall_s']:.2f} s, {figures['peak_mb']:.0f} MB", flush=True)
    made.forget_runs()


def measure_imports(made: Rounds) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of importing by package in a first run, before the run began and during it; takes one more run."""
    made.remake("bench", "dagster")
    made.run("profiled run", DAY, "bench", PYTHONPROFILEIMPORTTIME="1")
    made.forget_runs()
    return read_imports(made.folder / "output.txt")


def ratios(made: Rounds, what: str) -> list[float]:
    """Wall seconds of a run as a multiple of the floor's, round by round."""
    pairs = zip(made.figures[what], made.figures["floor"], strict=True)
    return [run["wall_s"] / floor["wall_s"] for run, floor in pairs]


def spread(values: list[float]) -> str:
    """Min / median / max."""
    return " / ".join(f"{value:.2f}" for value in (min(values), statistics.median(values), max(values)))


def print_figures(made: Rounds) -> None:
    """Print the figures of all rounds, one line per process."""
    print(f"\n{'min / median / max':18}{'wall s':>24}{'CPU s':>24}{'peak MB':>28}{'requests':>10}")
    for what, rounds in made.figures.items():
        cells = [spread([figures[name] for figures in rounds]) for name in ("wall_s", "cpu_s", "peak_mb")]
        print(f"{what:18}{cells[0]:>24}{cells[1]:>24}{cells[2]:>28}{rounds[-1]['requests']:>10}")
    for what in ("first run", "second run"):
        print(f"RATIO {what} / floor: {spread(ratios(made, what))}")


def print_bounds(made: Rounds) -> None:
    """Print whether the medians are within the bounds for 2,000 films at 60 ms on two cores."""
    for (what, name), most in BOUNDS.items():
        median = statistics.median(figures[name] for figures in made.figures[what])
        verdict = "within" if median <= most else "OVER"
        print(f"{what}, {name}: {median:.1f}, {verdict} the bound of {most:.0f}")


def print_profile(made: Rounds, imports: tuple[dict[str, float], dict[str, float]]) -> None:
    """Print where the time goes: medians of each phase, and the costliest imports."""
    print(f"\n{'phase, median s':30}{'first run':>12}{'second run':>12}")
    for phase in made.phases["first run"][0]:
        medians = [statistics.median(r[phase] for r in made.phases[what]) for what in ("first run", "second run")]
        print(f"{phase:30}{medians[0]:>12.2f}{medians[1]:>12.2f}")
    for when, packages in zip(("at start-up", "by the steps"), imports, strict=True):
        costly = ", ".join(f"{name} {seconds:.2f}" for name, seconds in list(packages.items())[:12])
        print(f"imports {when} (traced): {sum(packages.values()):.2f} s: {costly}")


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_FILMS:
        raise argparse.ArgumentTypeError(f"{count} is not from 1 to {MOST_FILMS}")
    return count


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_day", description="Measure a day's run.")
    parser.add_argument("--films", type=_count, default=2000, help="films of the day; default: 2000")
    parser.add_argument("--rounds", type=_count, default=3, help="rounds; default: 3")
    parser.add_argument("--latency-ms", type=float, default=60, help="the API's latency; default: 60")
    parser.add_argument("--profile", action="store_true", help="show where the time goes; takes one more run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    return parser.parse_args(given)


def _measure(made: Rounds, given: argparse.Namespace) -> None:
    about = machine(made.server_url)
    print(f"{given.films} films, {given.latency_ms:g} ms latency, no rate limit; {about}", flush=True)
    for number in range(1, given.rounds + 1):
        print(f"round {number}", flush=True)
        measure_round(made)
    print_figures(made)
    if (given.films, given.latency_ms) == (2000, 60):
        print_bounds(made)
    if given.profile:
        print_profile(made, measure_imports(made))
    if given.json:
        ratio = {what: ratios(made, what) for what in ("first run", "second run")}
        figures = {"films": given.films, "latency_ms": given.latency_ms, "machine": about, "ratio": ratio}
        given.json.write_text(json.dumps(figures | {"figures": made.figures, "phases": made.phases}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    given = _arguments(arguments)
    try:
        with bench(given.films, given.latency_ms) as made:
            _measure(made, given)
    except (BenchmarkError, LoadServerError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
