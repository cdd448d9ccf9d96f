"""Measure `tmdb-assets export` on one month of facts: everything, nothing changed, that month alone, its features.

    python -m benchmarks.export [--rows 1000000] [--films 33334] [--json FILE]

Fills a private Postgres with days of `--films` films each, in one month, until the fact has `--rows` rows, and runs the
command in its own process. Exit code 0, or 1 when a bound is missed or the files do not hold the rows.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from benchmarks.bench import Bench, BenchmarkError, bench_folder, machine, private_server
from benchmarks.fake_api import ROOT
from benchmarks.star import make_dimensions, make_facts
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.urls import normalise
from tmdb_assets.warehouse.warehouse import Warehouse

MONTH, MOST_DAYS = dt.date(2026, 7, 1), 31
TIMEOUT_S = 1200
# Of the month alone, judged from this number of rows.
MOST_S, MOST_MB, JUDGED_FROM = 10.0, 400.0, 1_000_000
CHANGE = (
    "update fact_movie_daily set popularity = popularity + 1 where movie_id = (select min(movie_id) from dim_movie)"
)
Figures = dict[str, dict[str, float]]


def run_export(bench: Bench, what: str, *options: str) -> dict[str, float]:
    """Run the command once; return its figures, and how many files it wrote."""
    before = _versions(bench.folder / "parquet")
    output = bench.folder / "output.txt"
    measure = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "measure.py"), str(TIMEOUT_S), str(output)]
    command = [sys.executable, "-m", "tmdb_assets.cli.main", "export", str(bench.folder / "parquet"), *options]
    environment = bench.environment("postgres")
    done = subprocess.run([*measure, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    if figures["exit_code"] != 0:
        raise BenchmarkError(f"The export ({what}) failed:\n{output.read_text()}")
    after = _versions(bench.folder / "parquet")
    return figures | {"written": sum(before.get(path) != version for path, version in after.items())}


def _versions(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_ino for path in folder.rglob("*.parquet")}


def measure(bench: Bench, warehouse: Warehouse, films: int, days: int) -> Figures:
    """Fill and measure: figures of each run, by what it exports."""
    from pyarrow import parquet

    with warehouse.begin() as connection:
        make_dimensions(connection, films, MONTH, MONTH)
    make_facts(warehouse.engine, films, MONTH, days)
    figures = {"everything": run_export(bench, "everything"), "nothing changed": run_export(bench, "nothing changed")}
    with warehouse.begin() as connection:
        connection.execute(sa.text(CHANGE))
    figures["the month alone"] = run_export(bench, "the month alone")
    figures["its features"] = run_export(bench, "its features", "--features")
    (month,) = (bench.folder / "parquet" / "fact_movie_daily").glob("*.parquet")
    found = parquet.read_metadata(month).num_rows
    if found != films * days or [int(run["written"]) for run in figures.values()][1:] != [0, 1, 1]:
        raise BenchmarkError(f"{found} of {films * days} rows are in the file, or other files were written: {figures}")
    figures["the month's file"] = {"rows": found, "mb": month.stat().st_size / 1e6}
    return figures


def missed_bounds(figures: Figures) -> list[str]:
    """Print whether the month's export is within its bounds; return those that it misses."""
    found = figures["the month alone"]
    held = {"seconds": (found["wall_s"], MOST_S), "peak MB": (found["peak_mb"], MOST_MB)}
    for what, (value, most) in held.items():
        print(f"the month alone, {what}: {value:.1f}, {'within' if value <= most else 'OVER'} the bound of {most:g}")
    return [what for what, (value, most) in held.items() if value > most]


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description="Measure an export.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the fact; default: %(default)s")
    parser.add_argument("--films", type=int, default=33_334, help="films a day; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    if found.films < 1 or not 0 < found.rows <= MOST_DAYS * found.films:
        parser.error(f"--rows must be at most {MOST_DAYS} days of --films")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    given = _arguments(arguments)
    days = -(-given.rows // given.films)
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            about = machine(server)
            print(f"{days * given.films:,} facts, {given.films:,} films a day; {about}", flush=True)
            warehouse = Warehouse(url=normalise(sa.make_url(server)))
            try:
                figures = measure(Bench(folder, "http://127.0.0.1:9/3", server, "1", {}), warehouse, given.films, days)
            finally:
                warehouse.close()
    except (BenchmarkError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    for what, found in figures.items():
        print(f"{what}: " + ", ".join(f"{name} {value:,.1f}" for name, value in found.items() if name != "started_at"))
    missed = missed_bounds(figures)
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "rows": days * given.films, "figures": figures}, indent=2))
    return 1 if missed and given.rows >= JUDGED_FROM else 0


if __name__ == "__main__":
    raise SystemExit(main())
