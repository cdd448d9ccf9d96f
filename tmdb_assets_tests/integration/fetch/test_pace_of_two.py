"""Two processes fetch for one warehouse at once: together they keep the rate limit of one."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.ledger.fetch_lock import FETCH_LOCK
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.fakes.replay import Asked, Fault, FaultHook, ReplayServer
from tmdb_assets_tests.fakes.virtual_time import most_in_a_window
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables
from tmdb_assets_tests.stage.command import PYTHON, command_environment, finish, start
from tmdb_assets_tests.stage.waiting import wait_until

Fetched = tuple[dict[dt.date, list[Asked]], str, Tables]
LIMIT, FILMS = 40, 60
PAGES = FILMS // 20
# Two days, so that each process has requests to send: a complete day needs none.
DAYS = {dt.date(2026, 7, day): catalogue([film(9000 + n, title=f"On {day}") for n in range(FILMS)]) for day in (29, 30)}
# On a busy machine a thread may send or read a request this much late, which is no fault of the rate limit: so windows
# are shorter by this. Two clients, each with its own limit, would send some 55 requests in such a window.
LATE_S = 0.3
FETCH = """
import datetime as dt
import sys
from tmdb_assets import partitions
from tmdb_assets.fetch.details import fetch_details
from tmdb_assets.fetch.discover import fetch_discover
from tmdb_assets.fetch.step import Fetcher
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.warehouse.warehouse import Warehouse

source, day = TmdbSource(), dt.date.fromisoformat(sys.argv[1])
partitions.now = lambda: dt.datetime.combine(day, dt.time(9), dt.UTC)
fetcher = Fetcher(Warehouse(), source.client, day, False, LogProgress(), print)
fetch_discover(fetcher, 100)
fetch_details(fetcher, 30, source.settings.wanted)
"""
FETCHING = (*PYTHON, "-c", FETCH)
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and objid = :low and not granted"


class HoldTheFirst:
    """Delays all answers until both processes have started: one sends, the other waits for its turn or sends too."""

    def __init__(self, tables: Tables) -> None:
        self._tables, self._lock = tables, threading.Lock()
        self._sending, self._have_come = set[dt.date](), False

    def of(self, day: dt.date) -> FaultHook:
        """The hook of the server for this day's process."""

        def hook(path: str, params: Mapping[str, str]) -> Fault | None:
            self._sending.add(day)
            with self._lock:
                assert wait_until(self._both_have_come, every=0.02)
            return None

        return hook

    def _both_have_come(self) -> bool:
        self._have_come = self._have_come or len(self._sending) == 2 or self._is_awaited()
        return self._have_come

    def _is_awaited(self) -> bool:
        return bool(self._tables.value(WAITING, low=FETCH_LOCK & 0xFFFFFFFF))


@pytest.fixture
def fetched(database: sa.URL, warehouse: Warehouse) -> Fetched:
    """The requests of each day's process, the output of both, and the tables, after both have succeeded."""
    tables = Tables(warehouse)
    tables.counts()  # brings the schema up
    first = HoldTheFirst(tables)
    with ExitStack() as stack:
        # One server per day, so that the requests of each process are known; both have the clock of this process.
        servers = {day: stack.enter_context(ReplayServer(each, first.of(day))) for day, each in DAYS.items()}
        processes = [
            start(command_environment(database, replay, TMDB_RATE_LIMIT=str(LIMIT)), str(day), program=FETCHING)
            for day, replay in servers.items()
        ]
        done = [finish(process) for process in processes]
        assert [each.returncode for each in done] == [0, 0], done
        return {day: replay.asked for day, replay in servers.items()}, "".join(each.stdout for each in done), tables


@pytest.mark.long
def test_two_processes_together_keep_the_limit_of_one(fetched: Fetched) -> None:
    asked, said, tables = fetched
    arrivals = sorted((request.at, day) for day, requests in asked.items() for request in requests)
    times = [at for at, _ in arrivals]
    assert most_in_a_window(times, 1 - LATE_S) <= LIMIT
    # Between the last request of one and the first of the other, nothing is sent for a second.
    pauses = [after - before for (before, one), (after, other) in pairwise(arrivals) if one != other]
    assert pauses
    assert min(pauses) >= 1
    assert "Another run is requesting data for this warehouse" in said

    for requests in asked.values():
        kinds = Counter(request.kind for request in requests)
        assert kinds["discover"] >= PAGES
        assert kinds["details"] >= FILMS
    right = expected.star(DAYS)
    rows = tables.rows("select snapshot_date, movie_id, payload ->> 'title' from raw_discover")
    assert sorted(rows) == sorted((day, movie_id, f"On {day.day}") for day, movie_id in right.raw_discover)
    rows = tables.rows("select snapshot_date, movie_id, status_code, payload ->> 'title' from raw_details")
    assert sorted(rows) == sorted((*key, status, f"On {key[0].day}") for key, status in right.raw_details.items())
