"""Measure ingestion: a first day with people and without, a second, the rate limit, a month of history, a catalogue.

    python -m benchmarks.ingest [--parts first-day,people,pace,second-day,history,catalogue] [--films 10000] [--days 30]
        [--pace-films 1000] [--catalogue-films 100000] [--with-details] [--latency-ms 60] [--json FILE]

Each figure is that of a whole process of the command, on an external Postgres that was empty before the first run;
`launch` sets which day is today. A figure counts only when the database then holds what the API sent.
The catalogue has 100,000 films by default. `--parts catalogue --catalogue-films 1000000` measures one about as large as
TMDb's, in minutes: details would take hours at TMDb's rate, and are only loaded with --with-details.
Exit code 0, or 1 when a run failed or loaded other data, or a figure of the default sizes misses its bound.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.bench import FLOOR, Bench, BenchmarkError, bench_folder, machine, private_server
from benchmarks.bounds import print_bounds
from benchmarks.catalogue import Films
from benchmarks.fake_api import LoadServerError, fake_api
from benchmarks.films import (
    MOST_FILMS,
    expected_figures,
    expected_second_day,
    export_popularity,
    films_folder,
    read_edited_films,
    read_films,
    wrong_days,
)
from tmdb_assets.tmdb.sandbox.routes import PAGE_SIZE
from tmdb_assets.transforms import appended
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError

LAUNCH = [sys.executable, "-m", "benchmarks.launch"]
SERVER_RATE, RATE_LIMIT = 50, 48  # requests per second: what the API accepts, and TMDB_RATE_LIMIT
EDITED_SHARE = 0.08
# Details of a whole catalogue take hours at TMDb's rate: by default they, and what is made from them, are left out.
CATALOGUE_ASSETS = "raw_reference,dim_date,raw_discover,raw_export,dim_language,dim_movie,fact_movie_daily"
DETAILS_ASSETS = "country_continent,raw_details,dim_genre,dim_company,dim_country," + ",".join(
    f"bridge_movie_{name}" for name in ("genre", "company", "country", "language")
)
DAY = dt.timedelta(days=1)
DATABASE = "films"
DEFAULTS = {"films": 10_000, "pace_films": 1_000, "days": 30, "catalogue_films": 100_000, "latency_ms": 60.0}
Figures = dict[str, float]


@dataclass
class Lab:
    """One measurement: its folder and server, the given options, and the figures by part."""

    folder: Path
    server_url: str
    given: argparse.Namespace
    today: dt.date
    has_first_day: bool = False
    figures: dict[str, Figures] = field(default_factory=dict)

    @property
    def yesterday(self) -> dt.date:
        """The first day of the films; the second is today."""
        return self.today - DAY

    def films(self, count: int) -> Path:
        """The folder with `count` films."""
        return films_folder(self.folder, count)

    @contextmanager
    def api(
        self, films: Path | int, day: dt.date, pages: str, expected: Figures, options: Sequence[object] = ()
    ) -> Iterator[Bench]:
        """A load server, and the figures expected after a load from it."""
        latency = 0 if isinstance(films, int) else self.given.latency_ms
        with fake_api(films, day, latency, [str(option) for option in options]) as url:
            made = Bench(self.folder, url, self.server_url, pages, expected)
            try:
                yield made
            finally:
                made.forget_runs()


def run_as(day: dt.date, *arguments: str, assets: str = "") -> list[str]:
    """The command with `day` as today."""
    return [*LAUNCH, "--today", str(day), "--assets", assets, *arguments]


def pages_of(count: int) -> str:
    """`TMDB_PAGES` for `count` films."""
    return str(math.ceil(count / PAGE_SIZE))


def measure_first_day(lab: Lab) -> Figures:
    """The first day without a rate limit, after the floor with the same films: of both without appended parts."""
    with api_of_first_day(lab) as made:
        made.remake("plain", "floor", "dagster")
        floor = made.run("floor", FLOOR, "floor")
        before = made.requests()
        figures = made.run("first day", run_as(lab.yesterday, "run"), "plain", TMDB_APPEND="off")
        requests = made.requests() - before
    return figures | {"requests": requests, "floor_s": floor["wall_s"], "ratio": figures["wall_s"] / floor["wall_s"]}


def api_of_first_day(lab: Lab) -> AbstractContextManager[Bench]:
    """A load server with the films of the first day."""
    count = lab.given.films
    folder = lab.films(count)
    return lab.api(folder, lab.yesterday, pages_of(count), expected_figures(read_films(folder, lab.yesterday)))


def measure_people(lab: Lab) -> Figures:
    """A first day with the appended parts (credits, keywords, releases) after one without, from the same server."""
    with api_of_first_day(lab) as made:
        found = {}
        for parts in ("off", ",".join(appended.PARTS)):
            made.remake("people", "dagster")
            command = run_as(lab.yesterday, "run")
            found[parts] = made.run(f"day with parts {parts}", command, "people", TMDB_APPEND=parts)
    without, full = found.values()
    return (
        full
        | {f"without_{name}": without[name] for name in ("wall_s", "cpu_s", "peak_mb")}
        | {f"{name[:-2]}_ratio": full[name] / without[name] for name in ("wall_s", "cpu_s")}
    )


def need_first_day(lab: Lab) -> None:
    """Load the first day, with its appended parts, where no earlier part has."""
    if not lab.has_first_day:
        print("  loading the first day, which this part needs", flush=True)
        with api_of_first_day(lab) as made:
            made.remake(DATABASE, "dagster")
            made.run("first day", run_as(lab.yesterday, "run"), DATABASE)
        lab.has_first_day = True


def measure_pace(lab: Lab) -> Figures:
    """A day under a rate limit: how much of the limit is used, and what the API refuses."""
    count = lab.given.pace_films
    folder = lab.films(count)
    expected = expected_figures(read_films(folder, lab.today))
    with lab.api(folder, lab.today, pages_of(count), expected, ["--rate", SERVER_RATE]) as made:
        made.remake("pace", "dagster")
        figures = made.run("run under a limit", run_as(lab.today, "run"), "pace", TMDB_RATE_LIMIT=str(RATE_LIMIT))
        traffic = made.traffic()
    return (
        figures
        | _paced(figures, traffic, RATE_LIMIT)
        | {"share_of_limit_percent": 100 * _mean_rate(traffic["kinds"]["details"]) / RATE_LIMIT}
    )


def measure_second_day(lab: Lab) -> Figures:
    """The day after the first, with some films edited, under a rate limit."""
    need_first_day(lab)
    count = lab.given.films
    folder = lab.films(count)
    catalogue, _ = read_edited_films(folder, lab.today, EDITED_SHARE)
    expected = expected_second_day(read_films(folder, lab.yesterday), catalogue)
    options = ["--rate", SERVER_RATE, "--edited", EDITED_SHARE]
    with lab.api(folder, lab.today, pages_of(count), expected, options) as made:
        command = run_as(lab.today, "run")
        figures = made.run("second day", command, DATABASE, TMDB_RATE_LIMIT=str(RATE_LIMIT))
        traffic = made.traffic()
    details = traffic["kinds"]["details"]["requests"]
    return figures | _paced(figures, traffic, SERVER_RATE) | {"details": details}


def _paced(figures: Figures, traffic: dict[str, Any], rate: float) -> Figures:
    """The API's counts of a run under a rate limit; the floor is its requests, without exports, at that rate.

    `after_limit_s`: how long after the same requests at `RATE_LIMIT` the command ends.
    """
    sent = traffic["requests"] - traffic["kinds"]["export"]["requests"]
    floor = sent / rate
    return {
        "requests": traffic["requests"],
        "refused": traffic["refused"],
        "peak_a_second": traffic["peak"],
        "floor_s": floor,
        "ratio": figures["wall_s"] / floor,
        "after_limit_s": figures["wall_s"] - sent / RATE_LIMIT,
    }


def _mean_rate(kind: dict[str, float]) -> float:
    return (kind["requests"] - 1) / max(kind["last"] - kind["first"], 1e-9)


def measure_history(lab: Lab) -> Figures:
    """The days before the first, from their id exports."""
    need_first_day(lab)
    folder, count = lab.films(lab.given.films), lab.given.days
    films = read_films(folder, lab.yesterday).films.values()
    days = [lab.yesterday - number * DAY for number in range(count, 0, -1)]
    expected = {day: (len(films), round(sum(export_popularity(film, day) for film in films), 1)) for day in days}
    with lab.api(folder, lab.yesterday, "1", {"films": len(films)}, ["--export-days", count + 1]) as made:
        command = run_as(lab.today, "backfill", "--from", str(days[0]), "--to", str(days[-1]))
        figures = made.run("history", command, DATABASE)
        requests = made.requests()
        wrong = wrong_days(made.database_url(DATABASE), expected)
    if wrong:
        raise BenchmarkError(f"{len(wrong)} days of history differ from their exports: {wrong[:3]}")
    return figures | {"days": count, "requests": requests, "s_a_day": figures["wall_s"] / count}


def measure_catalogue(lab: Lab) -> Figures:
    """Every film of a large catalogue by slices of release dates, without latency."""
    count = lab.given.catalogue_films
    films = Films(count)
    assets = CATALOGUE_ASSETS + ("," + DETAILS_ASSETS if lab.given.with_details else "")
    with lab.api(count, lab.today, "all", films.expected_figures()) as made:
        made.remake("catalogue", "dagster")
        figures = made.run("whole catalogue", run_as(lab.today, "run", assets=assets), "catalogue")
        kinds = made.traffic()["kinds"]
    least = math.ceil(films.listed_count / PAGE_SIZE)
    discover = kinds["discover"]["requests"]
    return figures | {
        "requests": sum(kind["requests"] for kind in kinds.values()),
        "discover_requests": discover,
        "data_pages": least,
        "overhead_percent": 100 * (discover - least) / least,
    }


PARTS: dict[str, Callable[[Lab], Figures]] = {
    "first-day": measure_first_day,
    "people": measure_people,
    "pace": measure_pace,
    "second-day": measure_second_day,
    "history": measure_history,
    "catalogue": measure_catalogue,
}
# The parts that need the first day's database follow it.
ORDER = ("first-day", "second-day", "history", "people", "pace", "catalogue")


def print_part(name: str, figures: Figures) -> None:
    """The figures of a part on one line."""
    left_out = {"exit_code", "started_at"}
    shown = (f"{key} {value:,.2f}".removesuffix(".00") for key, value in figures.items() if key not in left_out)
    print(f"  {name}: {', '.join(shown)}", flush=True)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description="Measure ingestion.")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated; default: %(default)s")
    parser.add_argument("--films", type=int, default=DEFAULTS["films"], help="default: %(default)s")
    parser.add_argument("--pace-films", type=int, default=DEFAULTS["pace_films"], help="default: %(default)s")
    parser.add_argument("--days", type=int, default=DEFAULTS["days"], help="days of history; default: %(default)s")
    parser.add_argument("--catalogue-films", type=int, default=DEFAULTS["catalogue_films"], help="default: %(default)s")
    parser.add_argument("--with-details", action="store_true", help="load the catalogue's details too")
    parser.add_argument("--latency-ms", type=float, default=DEFAULTS["latency_ms"], help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    found.parts = found.parts.split(",")
    if unknown := set(found.parts) - set(PARTS):
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not (1 <= found.films <= MOST_FILMS and 1 <= found.pace_films <= MOST_FILMS and 1 <= found.days <= 90):
        parser.error(f"--films and --pace-films must be from 1 to {MOST_FILMS}, --days from 1 to 90")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    given = _arguments(arguments)
    today = dt.datetime.now(dt.UTC).date()
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            lab = Lab(folder, server, given, today)
            about = machine(server)
            print(f"Ingestion, {given.latency_ms:g} ms latency; {about}", flush=True)
            for part in (part for part in ORDER if part in given.parts):
                lab.figures[part] = PARTS[part](lab)
                print_part(part, lab.figures[part])
    except (BenchmarkError, LoadServerError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    is_default = all(getattr(given, option) == value for option, value in DEFAULTS.items())
    within = print_bounds(lab.figures) if is_default else True
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "figures": lab.figures}, indent=2))
    return 0 if within else 1


if __name__ == "__main__":
    raise SystemExit(main())
