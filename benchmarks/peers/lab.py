"""The set-up of a comparison: films, load servers, contenders with their databases, and one measured run."""

from __future__ import annotations

import argparse
import datetime as dt
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fake_api import fake_api
from benchmarks.films import expected_figures, films_folder, read_films
from benchmarks.peers.contenders import Contender
from tmdb_assets.tmdb.sandbox.catalogue import Catalogue
from tmdb_assets.tmdb.sandbox.routes import PAGE_SIZE

DAY = dt.timedelta(days=1)
# dlt's settings: as many concurrent requests as the others send, no telemetry.
DLT_SETTINGS = {
    "EXTRACT__WORKERS": "64",
    "EXTRACT__MAX_PARALLEL_ITEMS": "128",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@dataclass
class Lab:
    """The folder, server, options and contenders of a comparison; `today` is the day that is loaded."""

    folder: Path
    server_url: str
    given: argparse.Namespace
    today: dt.date
    contenders: list[Contender]

    def catalogue(self, count: int, day: dt.date) -> Catalogue:
        """`count` films as the API sends them on a day."""
        return read_films(films_folder(self.folder, count), day)

    @contextmanager
    def api(self, count: int, day: dt.date, latency_ms: float, options: Sequence[str] = ()) -> Iterator[Bench]:
        """A load server with `count` films, and what a correct load of them holds."""
        expected = expected_figures(self.catalogue(count, day))
        with fake_api(films_folder(self.folder, count), day, latency_ms, options) as url:
            yield Bench(self.folder, url, self.server_url, str(math.ceil(count / PAGE_SIZE)), expected)

    def remake(self, made: Bench, contender: Contender) -> dict[str, str]:
        """Empty a contender's database and state; return the variables that it runs with."""
        made.remake(contender.database, "dagster")
        append = {} if self.given.append is None else {"TMDB_APPEND": self.given.append}
        return DLT_SETTINGS | append | {"DLT_DATA_DIR": tempfile.mkdtemp(prefix="state-", dir=self.folder)}

    def measured(self, made: Bench, what: str, contender: Contender, state: dict[str, str]) -> dict[str, float]:
        """Run a contender on today; return its figures. Raises `BenchmarkError` when rows are wrong."""
        before = made.requests()
        command = contender.command(str(self.today))
        figures = made.run(f"{what} of {contender.name}", command, contender.database, contender.figures, **state)
        return figures | {"requests": made.requests() - before}
