"""A whole day while every tenth answer is broken, in every way that is known: the same rows as of a sound day.

Which requests are broken is drawn from a fixed seed. The client's own time runs faster than the world's, so that its
waits, which may be seconds each, take milliseconds; what it waits for on a socket is real and short.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from typing import Any

import pytest
from dagster import ExecuteInProcessResult

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.export.download import fetch_export
from tmdb_assets.tmdb.export.file import ExportFile
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import FIRST_SOUND_ID, catalogue, sound_films
from tmdb_assets_tests.fakes.replay import DROPPED, TRUNCATED, Action, Fault, ReplayServer
from tmdb_assets_tests.fakes.scripted_server import reset
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.many_days import export_day
from tmdb_assets_tests.stage.platform import Platform, assert_green, metadata_of, platform

Rows = dict[str, list[tuple[Any, ...]]]
DAYS = (dt.date(2026, 7, 29), dt.date(2026, 7, 30))
FILMS, CHANGED = 200, 120  # ten pages of discover; on the second day two pages of changes
CATALOGUE = catalogue(sound_films(FILMS), changed=range(FIRST_SOUND_ID, FIRST_SOUND_ID + CHANGED))
RAW_ASSETS = ("raw_discover", "raw_reference", "raw_details", "raw_export")
SEED, ONE_IN = 20260729, 10
TIMES_FASTER = 50
READ_TIMEOUT_S = 0.3
RETRY_SECONDS = 3600  # of the client's fast time: on a slow machine as well nothing is given up
PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Come back later.</body></html>"


def too_many_until_a_date() -> Fault:
    """A 429 that names the end of the wait as a date, which has whole seconds only."""
    until = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)
    return Fault(status=429, headers={"Retry-After": until})


# What is served, with the cause under which the client counts the retry.
FAULTS: dict[str, tuple[Callable[[], Action], str]] = {
    "500": (lambda: Fault(status=500), "500"),
    "502, a page of a proxy": (lambda: Fault(status=502, body=PAGE, headers={"Content-Type": "text/html"}), "502"),
    "503": (lambda: Fault(status=503), "503"),
    "504": (lambda: Fault(status=504), "504"),
    "429": (lambda: Fault(status=429), "429"),
    "429 with seconds": (lambda: Fault(status=429, headers={"Retry-After": "2"}), "429"),
    "429 with a date": (too_many_until_a_date, "429"),
    "closed": (lambda: DROPPED, "connection"),
    "reset": (lambda: reset, "connection"),
    "truncated": (lambda: TRUNCATED, "unreadable"),
    "no JSON": (lambda: Fault(body=PAGE, headers={"Content-Type": "text/html"}), "unreadable"),
    "silent": (lambda: Fault(delay=4 * READ_TIMEOUT_S), "read timeout"),
}
CAUSES = {cause for _, cause in FAULTS.values()}


class RandomFaults:
    """A fault hook: breaks the first request to each endpoint, then one of each ten, and an export once in every way.

    The place among the ten is drawn; the ways come in a drawn order and then from its start again, so that a day long
    enough meets each of them whatever the seed. `served` counts them.
    """

    def __init__(self, seed: int) -> None:
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._order = self._random.sample(sorted(FAULTS), len(FAULTS))
        self._asked, self._place = Counter[str](), dict[str, int]()
        self.served = {"api": Counter[str](), "export": Counter[str]()}

    def __call__(self, path: str, params: Mapping[str, str]) -> Action | None:
        is_export = export_day(path) is not None
        endpoint = path if is_export else path.rstrip("0123456789")
        with self._lock:
            is_broken = self._asked[endpoint] < len(FAULTS) if is_export else self._is_drawn(endpoint)
            self._asked[endpoint] += 1
            if not is_broken:
                return None
            served = self.served["export" if is_export else "api"]
            name = self._order[served.total() % len(self._order)]
            served[name] += 1
        make, _ = FAULTS[name]
        return make()

    def _is_drawn(self, endpoint: str) -> bool:
        block, place = divmod(self._asked[endpoint], ONE_IN)
        if place == 0:
            self._place[endpoint] = self._random.randrange(ONE_IN) if block else 0
        return place == self._place[endpoint]

    @property
    def total(self) -> int:
        """All that was broken."""
        return sum(served.total() for served in self.served.values())


class FastTime:
    """A clock that runs faster than the real one, and the sleep that goes with it."""

    def clock(self) -> float:
        return time.monotonic() * TIMES_FASTER

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / TIMES_FASTER)


def make_impatient(made: Platform) -> None:
    """Give a platform the client and the download that the product has, but for their clock and their patience."""
    fast, source, replay = FastTime(), made.source, made.replay
    patience: dict[str, Any] = {"retry_seconds": RETRY_SECONDS, "clock": fast.clock, "sleep": fast.sleep}
    source.client = client = TmdbClient(replay.url, replay.token, rate_limit=0, read_timeout=READ_TIMEOUT_S, **patience)

    def export(day: dt.date, now: dt.datetime) -> ExportFile:
        timeouts = (3.05, READ_TIMEOUT_S)
        return fetch_export(source.export_url, day, now=now, stats=client.stats, timeouts=timeouts, **patience)

    source.export = export  # type: ignore[method-assign]


def run_days(made: Platform) -> list[ExecuteInProcessResult]:
    """Run the days one after the other, each as on that day; returns their results."""
    results = [made.run(day, charts=False) for day in DAYS]
    for result in results:
        assert_green(result)
    return results


def rows_of_all_tables(tables: Tables) -> Rows:
    """Every row of every table, but for the times of asking and loading, who asked, and how many requests it took."""
    found = {}
    for table in metadata.sorted_tables:
        if table.name == "fetch_turn":
            continue
        names = [column.name for column in table.columns if not column.name.endswith(("_at", "request_count"))]
        found[table.name] = sorted(tables.rows(f"select {', '.join(names)} from {table.name}"), key=repr)
    return found


@pytest.fixture
def rows_without_faults(server: Server) -> Rows:
    """What both days leave when every request is answered."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        copied_warehouse(server) as warehouse,
        platform(warehouse, CATALOGUE, monkeypatch) as made,
    ):
        run_days(made)
        return rows_of_all_tables(made)


def test_days_with_every_kind_of_fault_leave_the_rows_of_sound_ones(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, rows_without_faults: Rows
) -> None:
    faults = RandomFaults(SEED)
    with ReplayServer(CATALOGUE, faults) as replay:
        made = Platform(warehouse, replay, monkeypatch)
        try:
            make_impatient(made)
            results = run_days(made)
            found = rows_of_all_tables(made)
            counted = made.column("select n_requests from vw_load_status")
        finally:
            made.close()
    assert len(found["raw_details"]) == FILMS + CHANGED
    for name, rows in rows_without_faults.items():
        assert found[name] == rows, name
    assert sum(counted) == len(replay.asked)  # what the days needed, retries included
    for served in faults.served.values():
        assert set(served) == set(FAULTS)

    retries = {asset: Counter[str]() for asset in RAW_ASSETS}
    for result in results:
        for asset in RAW_ASSETS:
            figures = metadata_of(result, asset).get("requests", {})  # the lists are asked once in seven days
            retries[asset] += Counter(figures.get("retries", {}))
    assert [asset for asset, causes in retries.items() if not causes.total()] == []
    for asset in ("raw_details", "raw_export"):
        assert set(retries[asset]) >= CAUSES, asset
    # More where a slow machine lets the client's short patience end before a sound answer is there.
    assert sum(causes.total() for causes in retries.values()) >= faults.total
