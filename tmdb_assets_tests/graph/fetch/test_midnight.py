"""The one clock: nothing is requested for a day that has ended, and a clock set back asks nothing again."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets import partitions
from tmdb_assets.cli.in_process import Platform, run_day
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import Platform as Graph
from tmdb_assets_tests.stage.platform import evaluations_of, failures_of, platform

DAY = dt.date(2026, 7, 29)
BEFORE, NEXT = DAY - dt.timedelta(days=1), DAY + dt.timedelta(days=1)
TODAY = partitions.today  # of the clock; a run of the platform replaces it
MIDNIGHT = dt.datetime.combine(NEXT, dt.time(), dt.UTC)
SECOND = dt.timedelta(seconds=1)
CATALOGUE = catalogue(sound_films(200))  # ten pages
LATER = catalogue([{**film, "popularity": film["popularity"] + 1000} for film in sound_films(200)])
REFRESH = {step: {"config": {"refresh": True}} for step in ("raw_discover", "raw_details")}
ONLY = ("raw_discover", "raw_details", "raw_export", "dim_movie", "fact_movie_daily", "dim_date")


class Clock:
    """`partitions.now`: a second before midnight, and a second after it once `is_due` of the requests so far."""

    def __init__(self, made: Graph, is_due) -> None:
        self.made, self.is_due = made, is_due

    def __call__(self) -> dt.datetime:
        is_over = self.is_due(self.made.replay.requests)
        self.made.replay.catalogue = LATER if is_over else CATALOGUE
        return MIDNIGHT + (SECOND if is_over else -SECOND)


def at_midnight(made: Graph, monkeypatch: pytest.MonkeyPatch, is_due) -> None:
    """Let the day end after some requests; one request is open at a time."""
    clock = Clock(made, is_due)
    monkeypatch.setattr(partitions, "now", clock)
    made.source.client = TmdbClient(made.replay.url, made.replay.token, rate_limit=0, workers=1)


@pytest.fixture
def known(server, loaded_databases, monkeypatch):
    """The day before is loaded, so that the films are known."""
    with (
        copied_warehouse(server, loaded_databases(CATALOGUE, BEFORE)) as warehouse,
        platform(warehouse, CATALOGUE, monkeypatch) as ready,
    ):
        yield ready


def run(made: Graph, only=ONLY):
    """Run the day by the clock."""
    result = made.run(DAY, today=TODAY, only=only)
    assert failures_of(result) == []
    return result


def test_a_command_given_before_midnight_requests_nothing_for_its_day_after_it(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as graph:
        monkeypatch.setattr(partitions, "now", lambda: MIDNIGHT + SECOND)
        opened = Platform(graph.instance, graph.definitions, graph.source, warehouse)
        late = run_day(opened, DAY, today=DAY, assets=("raw_discover", "raw_reference"))
        assert (late.ok, graph.replay.paths) == (True, [])


def test_a_crawl_stops_at_midnight_and_the_rest_comes_from_the_export(known, monkeypatch):
    at_midnight(known, monkeypatch, lambda requests: requests["discover"] >= 5)
    check = evaluations_of(run(known))["raw_discover.pages_complete"]
    # The fifth answer came after midnight; nothing was requested for the day after it, except its export.
    assert (known.replay.requests["discover"], known.replay.requests["details"]) == (5, 0)
    sources = "select source, count(*) from fact_movie_daily where date_id = :d group by 1 order by 1"
    assert known.rows(sources, d=DAY) == [("discover", 80), ("export", 120)]
    of_day = "select count(*) from raw_discover where snapshot_date = :d and popularity < 1000"
    assert known.value(of_day, d=DAY) == 80
    open_crawls = "select snapshot_date from fetch_log where kind = 'discover' and finished_at is null"
    assert known.column(open_crawls) == [DAY]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert "it has 80 of the 200 films that TMDb lists" in check.description
    assert "2026-07-29 has ended (midnight UTC): nothing more is requested for it" in check.description
    assert "Its export gives the popularity of the rest." in check.description


@pytest.mark.parametrize("kind", ["details", "changes"])
def test_details_stop_at_midnight_and_are_due_the_next_day(known, monkeypatch, kind):
    only = ("raw_discover", "raw_details")
    at_midnight(known, monkeypatch, lambda requests: requests[kind] >= 2)
    check = evaluations_of(run(known, only))["raw_details.details_complete"]
    stored = known.value("select count(*) from raw_details where snapshot_date = :d", d=DAY)
    details = {"details": (1, 2), "changes": (0, 0)}[kind]
    assert (stored, known.replay.requests["details"]) == details
    if kind == "details":
        assert not check.passed
        assert "2026-07-29 has ended (midnight UTC)" in check.description
        assert "A later day requests them." in check.description
    assert failures_of(known.run(NEXT, only=only)) == []
    answered = "select count(distinct movie_id) from raw_details where snapshot_date >= :d"
    assert known.value(answered, d=DAY) == 200


@pytest.mark.parametrize(("kind", "requests"), [("discover", 3), ("details", 2), ("changes", 1)])
def test_a_refresh_that_midnight_ends_leaves_a_complete_day_complete(known, monkeypatch, kind, requests):
    only = ("raw_discover", "raw_details")
    ledger = "select kind, finished_at, crawl_number, row_count, page_count, stored_pages from fetch_log " + (
        "where snapshot_date = :d and kind in ('discover', 'details') order by kind"
    )
    monkeypatch.setattr(partitions, "now", lambda: MIDNIGHT - 600 * SECOND)
    assert failures_of(known.run(DAY, today=TODAY, only=only)) == []
    before = known.rows(ledger, d=DAY)
    assert [row[1] is not None for row in before] == [True, True]
    known.replay.reset()
    at_midnight(known, monkeypatch, lambda sent: sent[kind] >= requests)
    step = "raw_discover" if kind == "discover" else "raw_details"
    refresh = {step: REFRESH[step]}
    result = known.run(DAY, today=TODAY, only=(step,), config=refresh)
    assert failures_of(result) == []
    assert known.replay.requests[kind] == requests
    assert known.rows(ledger, d=DAY) == before
    if kind == "discover":
        assert evaluations_of(result)["raw_discover.pages_complete"].passed
    films = "select count(*) from raw_discover where snapshot_date = :d"
    assert known.value(films, d=DAY) == 200


def test_a_clock_set_back_during_a_run_asks_no_film_again(warehouse, monkeypatch):
    only = ("raw_discover", "raw_details")
    noon = dt.datetime.combine(DAY, dt.time(12), dt.UTC)
    with platform(warehouse, CATALOGUE, monkeypatch) as made:

        def back_by_ten_minutes():
            return noon - (600 * SECOND if made.replay.requests["details"] else 0 * SECOND)

        monkeypatch.setattr(partitions, "now", back_by_ten_minutes)
        for requested in (200, 0):
            result = made.run(DAY, today=TODAY, only=only)
            assert failures_of(result) == []
            assert made.replay.requests["details"] == requested
            assert evaluations_of(result)["raw_details.details_complete"].passed
            made.replay.reset()


def test_after_a_clock_was_set_back_a_refresh_replaces_the_figures(warehouse, monkeypatch):
    noon = dt.datetime.combine(DAY, dt.time(12), dt.UTC)
    only = ("raw_discover", "raw_details")
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        monkeypatch.setattr(partitions, "now", lambda: noon)
        assert failures_of(made.run(DAY, today=TODAY, only=only)) == []
        made.replay.catalogue = LATER
        monkeypatch.setattr(partitions, "now", lambda: noon - 600 * SECOND)
        assert failures_of(made.run(DAY, today=TODAY, only=only, config=REFRESH)) == []
        assert made.value("select count(*) from raw_discover where popularity > 1000") == 200
        assert made.value("select count(*) from raw_details where (payload ->> 'popularity')::float > 1000") == 200
        assert made.column("select crawl_number from fetch_log where kind in ('discover', 'details')") == [2, 2]
