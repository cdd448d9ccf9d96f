"""Discover at its worst: pages that fail are set aside and asked by the next run, unless too many do."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import GARBAGE, Fault
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import assert_tables_equal
from tmdb_assets_tests.stage.many_days import asked_films, asked_pages
from tmdb_assets_tests.stage.platform import checks_of, evaluations_of, failures_of, metadata_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films())  # ten pages
PAGES, FILMS = 10, len(CATALOGUE.films)


def films_on(page):
    return {item["id"] for item in CATALOGUE.page(page)["results"]}


def garbage_at(page, times=None):
    """A hook that answers garbage to one discover page, `times` times or for ever."""
    seen = []

    def hook(path, params):
        if path != "/discover/movie" or params["page"] != str(page):
            return None
        seen.append(path)
        return GARBAGE if times is None or len(seen) <= times else None

    return hook


def test_a_discover_page_that_stays_garbage_is_left_out_and_asked_by_the_next_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.4) as made:
        made.replay.faults = garbage_at(4)
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert (check.passed, check.metadata["pages_stored"].value) == (False, PAGES - 1)
        assert "pages without a readable answer: 4" in check.description
        assert "Run it again before midnight UTC." in check.description
        ((table, part, rule),) = made.rows("select table_name, part, reasons -> 0 ->> 'rule' from rejected_row")
        assert (table, part, rule) == ("raw_discover", "page 4", "page is readable")
        assert set(asked_films(made.replay)) == set(CATALOGUE.films) - films_on(4)
        assert made.value("select count(*) from fact_movie_daily") == FILMS - 20

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert (asked_pages(made.replay), asked_films(made.replay)) == ([4], sorted(films_on(4)))
        assert [name for name, passed in checks_of(result).items() if not passed] == []
        assert made.value("select count(*) from rejected_row") == 0
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


def fault_at_pages(pages, status=500):
    """A hook that answers these discover pages with a fault for ever."""
    broken = {str(page) for page in pages}

    def hook(path, params):
        return Fault(status=status) if path == "/discover/movie" and params["page"] in broken else None

    return hook


def test_a_discover_page_that_is_not_answered_is_left_out_and_asked_by_the_next_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.4) as made:
        made.replay.faults = fault_at_pages([4])
        for asked in (set(range(1, PAGES + 1)), {1, 4}):  # page 1 again: does TMDb answer at all?
            made.replay.reset()
            result = made.run(DAY, charts=False)
            assert failures_of(result) == []
            check = evaluations_of(result)["raw_discover.pages_complete"]
            assert (check.passed, check.metadata["pages_stored"].value) == (False, PAGES - 1)
            assert "pages without a readable answer: 4" in check.description
            assert "500 Internal Server Error" in metadata_of(result, "raw_discover")["failed"]["4"]
            ((table, part, rule),) = made.rows("select table_name, part, reasons -> 0 ->> 'rule' from rejected_row")
            assert (table, part, rule) == ("raw_discover", "page 4", "page is answered")
            assert set(asked_pages(made.replay)) == asked
            assert made.value("select count(*) from fact_movie_daily") == FILMS - 20

        made.replay.faults = lambda path, params: Fault(status=503)
        result = made.run(DAY, charts=False)
        assert not result.success
        assert "503 Service Unavailable" in failures_of(result)[0]

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, charts=False)
        assert (asked_pages(made.replay), asked_films(made.replay)) == ([4], sorted(films_on(4)))
        assert [name for name, passed in checks_of(result).items() if not passed] == []
        assert made.value("select count(*) from rejected_row") == 0
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))


@pytest.mark.parametrize(("broken", "stops"), [(3, False), (4, True)])
@pytest.mark.parametrize("is_answered", [True, False])
def test_many_discover_pages_that_fail_end_the_step_and_the_others_are_kept(
    warehouse, monkeypatch, broken, stops, is_answered
):
    failing = range(PAGES - broken + 1, PAGES + 1)
    fault = fault_at_pages(failing)
    hook = fault if not is_answered else lambda path, params: GARBAGE if fault(path, params) else None
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = hook
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


def test_the_first_discover_page_that_is_not_answered_ends_the_run(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = fault_at_pages([1])
        result = made.run(DAY, only=("raw_discover",))
        assert not result.success
        assert "500 Internal Server Error" in failures_of(result)[0]
        assert set(asked_pages(made.replay)) == {1}
        assert made.counts() == {}


def test_a_discover_page_that_is_garbage_twice_is_asked_until_it_is_read(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = garbage_at(4, times=2)
        result = made.run(DAY, charts=False)
        assert failures_of(result) == []
        assert [name for name, passed in checks_of(result).items() if not passed] == []
        assert asked_pages(made.replay) == sorted([*range(1, PAGES + 1), 4, 4])
        assert metadata_of(result, "raw_discover")["requests"]["retries"] == {"unreadable": 2}
        assert_tables_equal(made, expected.star({DAY: CATALOGUE}))
        # The day's requests, retries included, as the status view tells them.
        assert made.value("select n_requests from vw_load_status") == len(made.replay.asked)
        assert len(made.replay.asked) == PAGES + 2 + FILMS + 3 + 1


def test_an_empty_list_is_no_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE.but(films=[]), monkeypatch) as made:
        result = made.run(DAY, charts=False)
        assert not result.success
        assert "TMDb listed no films for 2026-07-29" in failures_of(result)[0]
        assert set(made.counts()) <= {"raw_reference", "fetch_log", "country_continent", "dim_date"}
