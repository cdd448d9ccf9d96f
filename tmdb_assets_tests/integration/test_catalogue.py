"""TMDB_PAGES=all: the whole catalogue by slices of release dates, from the sandbox's own routes over real HTTP."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from itertools import pairwise

import pytest

from tmdb_assets.assets import fetch_catalogue
from tmdb_assets.assets.source import TmdbSource
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb import sandbox_routes, slices
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets_tests.platform import Graph, checks_of, evaluations_of, failures_of, metadata_of
from tmdb_assets_tests.sandbox_sample import DAY, FILM, make_sandbox, write_sample

DATED, UNDATED = 1000, 5
# A slice holds at most 4 pages here, where TMDb has 500: so 1,000 films are many slices.
MOST_PAGES = 4
CROWD = 100  # films more on a date that has too many
START = dt.date(1950, 1, 1)
FILMS = [
    {**FILM, "id": 1000 + n, "release_date": str(START + dt.timedelta(days=27 * n)), "popularity": 1 + n % 50}
    for n in range(DATED)
] + [{**FILM, "id": 5000 + n, "release_date": "", "popularity": 3.0} for n in range(UNDATED)]
CATALOGUE = ("raw_discover", "raw_export")
Span = tuple[str, str]


class Discover:
    """The sandbox's discover, counted; from `down_after` requests on it answers 503.

    Films can come twice (`repeats`), or be too many on one date (`crowded`).
    """

    def __init__(self) -> None:
        self.asked: Counter[tuple[Span, int]] = Counter()
        self.down_after: int | None = None
        self.repeats = False
        self.crowded: str | None = None
        self._lock = threading.Lock()

    def __call__(self, catalogue, path, query):
        span, page = (query["primary_release_date.gte"], query["primary_release_date.lte"]), int(query["page"])
        with self._lock:
            if self.down_after is not None and self.asked.total() >= self.down_after:
                return 503, {"status_message": "down"}
            self.asked[span, page] += 1
        status, body = sandbox_routes.discover_movies(catalogue, path, query)
        if self.repeats and page == 2:  # ranks moved while one pages: the first film of page 1 comes again
            first = sandbox_routes.discover_movies(catalogue, path, {**query, "page": "1"})[1]["results"][0]
            body = {**body, "results": [{**first, "popularity": 999.0}, *body["results"]]}
        if self.crowded and span[0] <= self.crowded <= span[1]:
            body = {**body, "total_results": body["total_results"] + CROWD, "total_pages": body["total_pages"] + 5}
        return status, body


@pytest.fixture
def discover(monkeypatch):
    made = Discover()
    monkeypatch.setitem(sandbox_routes.ROUTES, "/3/discover/movie()", made)
    monkeypatch.setattr(fetch_catalogue, "PAGES_A_BATCH", 5)
    monkeypatch.setattr(slices, "MAX_PAGES", MOST_PAGES)
    monkeypatch.setattr(slices, "_MAX_FILMS", 20 * MOST_PAGES)
    monkeypatch.setattr(slices, "_WANTED_FILMS", 16 * MOST_PAGES)
    return made


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), FILMS)


@pytest.fixture
def graph(warehouse, monkeypatch, discover, sample):
    """The graph over the look-alike, told to load the whole catalogue; its client gives up soon."""
    with make_sandbox(sample) as sandbox:
        url = sandbox.start()
        given = {"tmdb_token": sandbox.token, "tmdb_api_url": url, "tmdb_export_url": sandbox.export_url}
        source = TmdbSource(Settings.load(**given, tmdb_pages="all", tmdb_rate_limit=0))
        # Few workers: the client asks two requests for each ahead, and the catalogue is small.
        source.client = TmdbClient(url, sandbox.token, rate_limit=0, workers=4, retry_seconds=0.3)
        made = Graph(warehouse, source, monkeypatch)
        yield made
        made.close()


def spans_of(discover):
    return {span for span, _ in discover.asked}


def finished(graph):
    """The slices that the books hold as stored, as (first date, last date)."""
    parts = graph.column("select part from fetch_log where kind = 'discover' and part like 'slice %'")
    return {tuple(part.removeprefix("slice ").split("..")) for part in parts}


def test_the_whole_catalogue_is_there_and_what_it_cannot_show_is_reported(graph, discover):
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    dated = [film["id"] for film in FILMS if film["release_date"]]
    assert graph.column("select movie_id from raw_discover order by 1") == dated
    assert metadata_of(result, "raw_export")["films_discover_does_not_show"] == UNDATED
    # Slices that fit, next to each other, from the first film there is to years ahead.
    stored = sorted(finished(graph))
    assert len(stored) >= DATED / (20 * MOST_PAGES)
    assert (stored[0][0], stored[-1][1]) == ("1874-01-01", f"{DAY.year + 15}-12-31")
    days = [(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) for first, last in stored]
    assert all(before[1] + dt.timedelta(days=1) == after[0] for before, after in pairwise(days))
    assert max(page for _, page in discover.asked) <= MOST_PAGES
    assert set(discover.asked.values()) == {1}
    check = evaluations_of(result)["raw_discover.pages_complete"]
    assert check.passed
    assert not check.description.startswith("0 pages")


def test_a_film_that_comes_twice_is_kept_once_with_the_later_answer(graph, discover):
    discover.repeats = True
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(distinct movie_id) from raw_discover") == DATED
    twice = sum(page == 2 and (span, 1) in discover.asked and span in finished(graph) for span, page in discover.asked)
    assert graph.value("select count(*) from raw_discover where popularity = 999") == twice > 3
    assert [name for name, passed in checks_of(result).items() if not passed] == []


def test_films_beyond_the_last_page_of_a_single_date_are_told(graph, discover):
    discover.crowded = str(START)
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert (discover.crowded, discover.crowded) in finished(graph)
    beyond = 1 + CROWD - 20 * MOST_PAGES
    for _ in range(2):  # and again by a run that asks nothing
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert (check.passed, check.metadata["films_beyond_page_500"].value) == (True, beyond)
        assert f"{beyond} films are beyond page 500 of their release date" in check.description
        result = graph.run(DAY, only=CATALOGUE)


def test_an_interrupted_crawl_goes_on_by_slice(graph, discover):
    discover.down_after = 50  # of about 80
    result = graph.run(DAY, only=CATALOGUE)
    assert not result.success
    kept, stored = finished(graph), graph.value("select count(*) from raw_discover")
    assert len(kept) >= 2
    assert 0 < stored < DATED

    discover.down_after = None
    discover.asked.clear()
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    # What is stored is not asked again: no slice asked now touches one that was finished.
    assert all(
        last < kept_first or kept_last < first for first, last in spans_of(discover) for kept_first, kept_last in kept
    )
    assert graph.value("select count(*) from raw_discover") == DATED
    assert checks_of(result)["raw_discover.pages_complete"]
    # And once complete, nothing is asked at all.
    discover.asked.clear()
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert discover.asked.total() == 0


def test_an_empty_catalogue_is_no_day(graph, discover, monkeypatch):
    nothing = {"page": 1, "results": [], "total_pages": 0, "total_results": 0}
    monkeypatch.setitem(sandbox_routes.ROUTES, "/3/discover/movie()", lambda catalogue, path, query: (200, nothing))
    result = graph.run(DAY, only=CATALOGUE)
    assert not result.success
    assert f"TMDb listed no film at all for {DAY}" in failures_of(result)[0]
    monkeypatch.setitem(sandbox_routes.ROUTES, "/3/discover/movie()", discover)
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    assert graph.value("select count(*) from raw_discover") == DATED


def test_a_refresh_asks_for_every_slice_again(graph, discover):
    assert failures_of(graph.run(DAY, only=CATALOGUE)) == []
    asked = discover.asked.copy()
    discover.asked.clear()
    config = {name: {"config": {"refresh": True}} for name in CATALOGUE}
    assert failures_of(graph.run(DAY, only=CATALOGUE, config=config)) == []
    assert discover.asked == asked
    assert graph.value("select count(*) from raw_discover") == DATED


def test_a_page_that_cannot_be_read_leaves_its_slice_to_the_next_run(graph, discover, monkeypatch):
    broken: list[tuple[Span, int]] = []
    lost: list[int] = []

    def third_page_of_one_slice(catalogue, path, query):
        status, body = discover(catalogue, path, query)
        key = (query["primary_release_date.gte"], query["primary_release_date.lte"]), int(query["page"])
        if key[1] == 3 and not broken:
            broken.append(key)
            lost.append(len(body["results"]))
        return (status, body) if key not in broken else (200, {"page": 3, "results": "none"})

    monkeypatch.setitem(sandbox_routes.ROUTES, "/3/discover/movie()", third_page_of_one_slice)
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    (((first, last), _),) = broken
    check = evaluations_of(result)["raw_discover.pages_complete"]
    assert not check.passed
    assert f"slice {first}..{last}" in check.description
    assert (first, last) not in finished(graph)
    assert graph.value("select count(*) from raw_discover") == DATED - lost[0]

    monkeypatch.setitem(sandbox_routes.ROUTES, "/3/discover/movie()", discover)
    discover.asked.clear()
    result = graph.run(DAY, only=CATALOGUE)
    assert failures_of(result) == []
    assert {(min(spans_of(discover))[0], max(span[1] for span in spans_of(discover)))} == {(first, last)}
    assert graph.value("select count(*) from raw_discover") == DATED
    assert graph.value("select count(*) from rejected_row") == 0
    assert checks_of(result)["raw_discover.pages_complete"]
