"""Faults of TMDb except in details: what a run reports and keeps, and what the next one requests."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
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
from tmdb_assets_tests.fakes.random_faults import CAUSES, FAULTS, SILENT_S, RandomFaults
from tmdb_assets_tests.fakes.replay import GARBAGE, Fault, ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import discover_item
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, copied_warehouse, state_of
from tmdb_assets_tests.stage.many_days import asked_films, asked_pages
from tmdb_assets_tests.stage.platform import Platform, assert_green, evaluations_of, failures_of, metadata_of, platform
from tmdb_assets_tests.stage.ports import free_port

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films())  # ten pages
PAGES, FILMS = 10, len(CATALOGUE.films)
DOWN = Fault(status=500)


def films_on(page):
    return {item["id"] for item in CATALOGUE.page(page)["results"]}


def faults_at(pages, fault, times=None):
    """A hook that answers these discover pages with a fault, `times` times or always."""
    broken, seen = {str(page) for page in pages}, []

    def hook(path, params):
        if path != "/discover/movie" or params["page"] not in broken:
            return None
        seen.append(path)
        return fault if times is None or len(seen) <= times else None

    return hook


FAILED_PAGES = [
    (GARBAGE, "page is readable"),
    pytest.param(DOWN, "page is answered", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("fault", "rule"), FAILED_PAGES)
def test_a_failed_discover_page_is_requested_by_the_next_run(warehouse, monkeypatch, fault, rule):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.4) as made:
        made.replay.faults = faults_at([4], fault)
        # After an unanswered page the next run first requests page 1, to see whether TMDb answers.
        for requested in (set(range(1, PAGES + 1)), {1, 4} if fault is DOWN else {4}):
            made.replay.reset()
            result = made.run(DAY, charts=False)
            assert failures_of(result) == []
            check = evaluations_of(result)["raw_discover.pages_complete"]
            assert (check.passed, check.metadata["pages_stored"].value) == (False, PAGES - 1)
            assert "pages without a readable answer: 4" in check.description
            assert "Run it again before midnight UTC." in check.description
            found = made.rows("select table_name, part, reasons -> 0 ->> 'rule' from rejected_row")
            assert found == [("raw_discover", "page 4", rule)]
            assert set(asked_pages(made.replay)) == requested
            assert set(made.column("select movie_id from fact_movie_daily")) == set(CATALOGUE.films) - films_on(4)
        if fault is DOWN:
            assert "500 Internal Server Error" in metadata_of(result, "raw_discover")["failed"]["4"]
            made.replay.faults = lambda path, params: Fault(status=503)
            result = made.run(DAY, charts=False)
            assert not result.success
            assert "503 Service Unavailable" in failures_of(result)[0]

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert (asked_pages(made.replay), asked_films(made.replay)) == ([4], sorted(films_on(4)))
        assert_green(result)
        assert made.value("select count(*) from rejected_row") == 0
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


@pytest.mark.parametrize(("broken", "stops"), [(3, False), (4, True)])
@pytest.mark.parametrize("is_answered", [True, False])
def test_many_discover_pages_that_fail_end_the_step_and_the_others_are_kept(
    warehouse, monkeypatch, broken, stops, is_answered
):
    failing = range(PAGES - broken + 1, PAGES + 1)
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = faults_at(failing, GARBAGE if is_answered else DOWN)
        result = made.run(DAY, only=("raw_discover",))
        assert result.success is not stops
        if stops:
            (line,) = failures_of(result)
            assert line.startswith(f"{broken} of {PAGES} discover pages failed")
            assert ("cannot be read" if is_answered else "500 Internal Server Error") in line
        assert made.value("select count(*) from raw_discover") == 20 * (PAGES - broken)
        assert set(made.column("select part from rejected_row")) == {f"page {page}" for page in failing}
        made.replay.faults = None
        made.replay.reset()
        assert failures_of(made.run(DAY, only=("raw_discover",))) == []
        assert asked_pages(made.replay) == list(failing)
        assert made.value("select count(*) from raw_discover") == FILMS
        assert made.value("select count(*) from rejected_row") == 0


def test_an_unanswered_first_discover_page_ends_the_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = faults_at([1], DOWN)
        result = made.run(DAY, only=("raw_discover",))
        assert not result.success
        assert "500 Internal Server Error" in failures_of(result)[0]
        assert set(asked_pages(made.replay)) == {1}
        assert made.counts() == {}


def test_an_unreadable_discover_page_is_retried(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = faults_at([4], GARBAGE, times=2)
        result = made.run(DAY, charts=False)
        assert_green(result)
        assert asked_pages(made.replay) == sorted([*range(1, PAGES + 1), 4, 4])
        assert metadata_of(result, "raw_discover")["requests"]["retries"] == {"unreadable": 2}
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))
        # The status view counts the day's requests including retries.
        assert made.value("select n_requests from vw_load_status") == len(made.replay.asked)
        assert len(made.replay.asked) == PAGES + 2 + FILMS + 3 + 1


def test_an_empty_list_is_no_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE.but(films=[]), monkeypatch) as made:
        result = made.run(DAY, charts=False)
        assert not result.success
        assert "TMDb listed no films for 2026-07-29" in failures_of(result)[0]
        assert set(made.counts()) <= {"raw_reference", "fetch_log", "country_continent", "dim_date"}


def test_a_refused_token_stops_the_run_in_one_line_and_writes_nothing(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_token="another-token") as made:
        result = made.run(DAY)
        assert not result.success
        (line,) = set(failures_of(result))  # each fetching step reports it in the same words
        assert line.startswith("TMDb refused the token (401, code 7)")
        assert "Set TMDB_TOKEN to the v4 read access token" in line
        assert "\n" not in line
        assert "another-token" not in line
        assert made.counts() == {}
        assert len(made.replay.asked) == 1


def test_an_unreachable_api_is_reported_in_one_line_and_stored_rows_are_kept(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.run(DAY, charts=False)
    kept = state_of(made), made.counts()
    nowhere = f"http://127.0.0.1:{free_port()}/3"
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_api_url=nowhere, retry_seconds=0.3) as made:
        result = made.run(DAY + dt.timedelta(days=1))
        assert not result.success
        (line,) = set(failures_of(result))
        assert line.startswith("127.0.0.1:")
        assert "cannot be reached" in line
        assert "connection refused" in line
        assert "What is already stored is kept. Check the network, TMDB_API_URL" in line
        assert "\n" not in line
        assert (state_of(made), made.counts()) == kept


@pytest.mark.parametrize(("broken", "refused"), [(10, False), (11, True)])
def test_more_than_a_twentieth_of_broken_rows_writes_nothing(warehouse, monkeypatch, broken, refused):
    items = [discover_item(payload["id"], payload) for payload in CATALOGUE.films.values()]
    bad = [{**item, "popularity": None} if place < broken else item for place, item in enumerate(items)]
    with platform(warehouse, CATALOGUE.but(listing=bad), monkeypatch) as made:
        result = made.run(DAY, charts=False)
        assert result.success is not refused
        check = evaluations_of(result)["raw_discover.contract"]
        assert (check.passed, check.severity.value) == (False, "ERROR" if refused else "WARN")
        written = {name: rows for name, rows in made.counts().items() if not name.startswith(("raw_ref", "fetch"))}
        if refused:
            (line,) = failures_of(result)
            assert line.startswith("11 of 200 rows of raw_discover (5.5%) broke their contract, over the 5% allowed: ")
            assert set(written) <= {"country_continent", "dim_date"}
        else:
            assert (written["raw_discover"], written["rejected_row"]) == (190, 10)


# A whole day while one answer in ten is broken, in every way that is known. The client's own time runs faster than the
# world's, so that its waits, which may be seconds each, take milliseconds; what it waits for on a socket is real.
Rows = dict[str, list[tuple[Any, ...]]]
DAYS = (DAY, DAY + dt.timedelta(days=1))
CHANGED = 120  # two pages of changes on the second day
LISTED = CATALOGUE.but(changed=range(FIRST_SOUND_ID, FIRST_SOUND_ID + CHANGED))
RAW_ASSETS = ("raw_discover", "raw_reference", "raw_details", "raw_export")
SEED = 20260729
TIMES_FASTER = 50
READ_TIMEOUT_S = SILENT_S / 4
RETRY_SECONDS = 3600  # in the client's fast time: nothing is given up, even on a slow machine


class FastTime:
    """A clock that runs faster than real time, with its sleep."""

    def clock(self) -> float:
        return time.monotonic() * TIMES_FASTER

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / TIMES_FASTER)


def make_impatient(made: Platform) -> None:
    """Give a platform the product's client and download, with another clock and shorter timeouts."""
    fast, source, replay = FastTime(), made.source, made.replay
    patience: dict[str, Any] = {"retry_seconds": RETRY_SECONDS, "clock": fast.clock, "sleep": fast.sleep}
    source.client = client = TmdbClient(replay.url, replay.token, rate_limit=0, read_timeout=READ_TIMEOUT_S, **patience)

    def export(day: dt.date, now: dt.datetime, _watch: object) -> ExportFile:
        timeouts = (3.05, READ_TIMEOUT_S)
        return fetch_export(source.export_url, day, now=now, stats=client.stats, timeouts=timeouts, **patience)

    source.export = export  # type: ignore[method-assign]


def run_days(made: Platform) -> list[ExecuteInProcessResult]:
    """Run each day as on that day; returns the results."""
    results = [made.run(day, charts=False) for day in DAYS]
    for result in results:
        assert_green(result)
    return results


def rows_of_all_tables(tables: Tables) -> Rows:
    """Every row of every table, without timestamps, request counts and the holder of the turn."""
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
        platform(warehouse, LISTED, monkeypatch) as made,
    ):
        run_days(made)
        return rows_of_all_tables(made)


def test_days_with_every_kind_of_fault_load_the_same_rows(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, rows_without_faults: Rows
) -> None:
    faults = RandomFaults(SEED)
    with ReplayServer(LISTED, faults) as replay:
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
            figures = metadata_of(result, asset).get("requests", {})  # the lists are requested once in seven days
            retries[asset] += Counter(figures.get("retries", {}))
    assert [asset for asset, causes in retries.items() if not causes.total()] == []
    for asset in ("raw_details", "raw_export"):
        assert set(retries[asset]) >= CAUSES, asset
    # More on a slow machine, where valid answers may exceed the client's short timeout.
    assert sum(causes.total() for causes in retries.values()) >= faults.total
