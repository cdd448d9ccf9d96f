"""Time the whole process `tmdb-assets run`, beside a floor without any framework, and print the figures.

    python -m benchmarks.run_day [--films 2000] [--rounds 3] [--latency-ms 60] [--profile] [--json FILE]

A round is: the floor into an empty database, then a day's run into an empty database with an empty Dagster storage,
then the same day again. Every load is compared with what the API told before its time counts. Exit code 0, or 1 when a
run failed or loaded something else, as one that midnight (UTC) interrupts does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from benchmarks.fake_api import COUNT_PATH, ROOT, TOKEN, LoadServerError, fake_api
from benchmarks.films import MOST_FILMS, expected_figures, read_films, write_films, wrong_figures
from benchmarks.phases import read_imports, read_phases
from tmdb_assets.settings import DATA_DIR
from tmdb_assets.tmdb.sandbox import PAGE_SIZE
from tmdb_assets.warehouse.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.embedded import EmbeddedPostgres

DAY = [str(Path(sys.executable).with_name("tmdb-assets")), "run"]
FLOOR = [sys.executable, "-m", "benchmarks.floor"]
TIMEOUT_S = 600
# What a run may take at most with the default films and latency, on two cores: seconds, seconds, MB.
BOUNDS = {("first run", "wall_s"): 14.0, ("second run", "wall_s"): 10.0, ("first run", "peak_mb"): 500.0}


class BenchmarkError(Exception):
    """A measured process failed or loaded something else than the API told; the text says what."""


@dataclass
class Bench:
    """What one benchmark runs against."""

    folder: Path
    api_url: str
    server_url: str
    films: int
    expected: dict[str, float]
    figures: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    phases: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def database_url(self, name: str) -> str:
        """The address of a database on the private server."""
        return self.server_url.replace("/postgres?", f"/{name}?")

    def remake(self, *names: str) -> None:
        """Drop and create databases."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            for name in names:
                connection.execute(f"drop database if exists {name} with (force)".encode())
            connection.execute("checkpoint")  # the last round's writing is not the next one's
            for name in {*names} - {"dagster"}:
                connection.execute(f"create database {name}".encode())

    def run(self, what: str, command: list[str], database: str, **variables: str) -> dict[str, float]:
        """Run a command to its end; return its figures. Raises `BenchmarkError` unless it loaded the right rows."""
        output = self.folder / "output.txt"
        measure = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "measure.py"), str(TIMEOUT_S), str(output)]
        environment = self._environment(database) | variables
        done = subprocess.run(
            [*measure, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        figures: dict[str, float] = json.loads(done.stdout)
        if figures["exit_code"] != 0:
            raise BenchmarkError(
                f"The {what} ended with exit code {figures['exit_code']:g} after {figures['wall_s']:.0f} s of at most "
                f"{TIMEOUT_S}. Nothing was counted; its last lines:\n{_tail(output)}"
            )
        wrong = wrong_figures(self.database_url(database), self.expected)
        if wrong:
            told = ", ".join(f"{name}: {found} for {right}" for name, (found, right) in wrong.items())
            raise BenchmarkError(f"The {what} loaded something else than the API told ({told}):\n{_tail(output)}")
        return figures

    def requests(self) -> int:
        """Requests that the API has answered so far."""
        with urllib.request.urlopen(self.api_url.removesuffix("/3") + COUNT_PATH) as answer:
            return int(json.load(answer)["requests"])

    def forget_runs(self) -> None:
        """Delete what the runs of this round left in the project: their storage in Postgres goes with the next one."""
        with psycopg.connect(self.database_url("dagster")) as connection:
            for (run_id,) in connection.execute("select run_id from runs"):
                shutil.rmtree(DATA_DIR / "dagster" / "storage" / run_id, ignore_errors=True)

    def _environment(self, database: str) -> dict[str, str]:
        # Every setting is given, so that no .env file of the project gets a say.
        return os.environ | {
            "TMDB_TOKEN": TOKEN,
            "TMDB_API_URL": self.api_url,
            "TMDB_PAGES": str(math.ceil(self.films / PAGE_SIZE)),
            "TMDB_LANGUAGE": "en-US",
            "TMDB_FIRST_DAY": "2025-08-11",
            "TMDB_RATE_LIMIT": "0",
            "WAREHOUSE_URL": self.database_url(database),
            "NO_PROXY": "127.0.0.1",
        }


def _tail(output: Path) -> str:
    return "\n".join(output.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


@contextmanager
def private_server(folder: Path) -> Iterator[str]:
    """The bundled Postgres on a folder of its own, stopped at the end; gives the URL of its database postgres."""
    server = EmbeddedPostgres(folder)
    running = server.start()
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(running.socket_dir))}&port={running.port}"
    finally:
        server.leave()


@contextmanager
def bench(films: int, latency_ms: float) -> Iterator[Bench]:
    """Films, API and server, made for this benchmark and gone after it."""
    today = dt.datetime.now(dt.UTC).date()
    with tempfile.TemporaryDirectory(prefix="tmdb-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs as another user
        (folder / "films").mkdir()
        write_films(folder / "films", films)
        expected = expected_figures(read_films(folder / "films", today))
        with private_server(folder / "postgres") as server, fake_api(folder / "films", today, latency_ms) as url:
            yield Bench(folder, url, server, films, expected)


def measure_round(made: Bench) -> None:
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


def measure_imports(made: Bench) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of importing by package in a first run, before the run began and during it; takes one more run."""
    made.remake("bench", "dagster")
    made.run("profiled run", DAY, "bench", PYTHONPROFILEIMPORTTIME="1")
    made.forget_runs()
    return read_imports(made.folder / "output.txt")


def ratios(made: Bench, what: str) -> list[float]:
    """Wall seconds of a run for each of the floor, round by round."""
    pairs = zip(made.figures[what], made.figures["floor"], strict=True)
    return [run["wall_s"] / floor["wall_s"] for run, floor in pairs]


def spread(values: list[float]) -> str:
    """Min / median / max."""
    return " / ".join(f"{value:.2f}" for value in (min(values), statistics.median(values), max(values)))


def print_figures(made: Bench) -> None:
    """The figures of all rounds, a line a process."""
    print(f"\n{'min / median / max':18}{'wall s':>24}{'CPU s':>24}{'peak MB':>28}{'requests':>10}")
    for what, rounds in made.figures.items():
        cells = [spread([figures[name] for figures in rounds]) for name in ("wall_s", "cpu_s", "peak_mb")]
        print(f"{what:18}{cells[0]:>24}{cells[1]:>24}{cells[2]:>28}{rounds[-1]['requests']:>10}")
    for what in ("first run", "second run"):
        print(f"RATIO {what} / floor: {spread(ratios(made, what))}")


def print_bounds(made: Bench) -> None:
    """Whether the medians are within what is promised for 2,000 films at 60 ms on two cores."""
    for (what, name), most in BOUNDS.items():
        median = statistics.median(figures[name] for figures in made.figures[what])
        verdict = "within" if median <= most else "OVER"
        print(f"{what}, {name}: {median:.1f}, {verdict} the bound of {most:.0f}")


def print_profile(made: Bench, imports: tuple[dict[str, float], dict[str, float]]) -> None:
    """Where the seconds go: medians of each phase, and the costliest imports."""
    print(f"\n{'phase, median s':30}{'first run':>12}{'second run':>12}")
    for phase in made.phases["first run"][0]:
        medians = [statistics.median(r[phase] for r in made.phases[what]) for what in ("first run", "second run")]
        print(f"{phase:30}{medians[0]:>12.2f}{medians[1]:>12.2f}")
    for when, packages in zip(("at start-up", "by the steps"), imports, strict=True):
        costly = ", ".join(f"{name} {seconds:.2f}" for name, seconds in list(packages.items())[:12])
        print(f"imports {when} (traced): {sum(packages.values()):.2f} s: {costly}")


def machine(made: Bench) -> dict[str, Any]:
    """What it was measured on."""
    with psycopg.connect(made.server_url) as connection:
        version = connection.info.server_version
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": f"{version // 10_000}.{version % 10_000}",
    }


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
    parser.add_argument("--profile", action="store_true", help="say where the seconds go; takes one more run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    return parser.parse_args(given)


def _measure(made: Bench, given: argparse.Namespace) -> None:
    about = machine(made)
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
