"""A day whose list lacks films: it is requested again, noted as incomplete, and completed by the next run."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from tmdb_assets.assets.raw_checks import pages_complete
from tmdb_assets.fetch.step import Fetched
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import Fault
from tmdb_assets_tests.stage.many_days import asked_pages
from tmdb_assets_tests.stage.platform import assert_green, evaluations_of, failures_of, platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(60))
ONLY = ("raw_discover",)


def pages_as(number_of, **changes):
    """A hook that answers a discover page with page `number_of(page)` and `changes`, functions of the page."""

    def hook(path, params):
        if path != "/discover/movie":
            return None
        asked = int(params["page"])
        body = CATALOGUE.page(number_of(asked))
        body |= {name: change(asked) for name, change in changes.items() if change(asked) is not None}
        return Fault(body=json.dumps(body).encode())

    return hook


# What TMDb or a proxy answers, and how many films are stored and which pages are left to the next run.
WRONG = {
    "every page is page 1": (pages_as(lambda n: 1), 20, [2, 3]),
    "page 1 under every number": (pages_as(lambda n: 1, page=lambda n: n), 20, [2, 3]),
    "page 2 is empty": (pages_as(lambda n: n, results=lambda n: [] if n == 2 else None), 40, [2]),
    "half of page 2": (
        pages_as(lambda n: n, results=lambda n: CATALOGUE.page(2)["results"][:10] if n == 2 else None),
        50,
        [2],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_day_with_too_few_films_is_incomplete_until_the_next_run(warehouse, monkeypatch, name):
    wrong, films, missing = WRONG[name]
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = wrong
        result = made.run(DAY, only=ONLY)
        assert failures_of(result) == []
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert (check.passed, check.severity.value) == (False, "ERROR")
        assert f"it has {films} of the 60 films that TMDb lists" in check.description
        assert made.value("select count(*) from raw_discover") == films
        again = pages_complete(made.warehouse, DAY, Fetched(Loaded(raw_discover)))  # a later look, by another process
        assert (again.severity.value, f"it has {films} of the 60 films" in again.description) == ("ERROR", True)
        assert made.value("select finished_at is null from fetch_log where kind = 'discover'")
        found = made.rows("select part, reasons -> 0 ->> 'rule' from rejected_row order by 1")
        assert found == [(f"page {page}", "page is believed") for page in missing]
        assert 3 < len(asked_pages(made.replay)) <= 9

        made.replay.faults = None
        made.replay.reset()
        result = made.run(DAY, only=ONLY)
        assert asked_pages(made.replay) == missing
        assert_green(result)
        assert made.value("select count(*) from raw_discover") == 60
        assert made.value("select count(*) from rejected_row") == 0


def test_one_film_less_or_a_wrong_total_costs_no_film_and_no_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = pages_as(
            lambda n: n,
            results=lambda n: CATALOGUE.page(2)["results"][:19] if n == 2 else None,
            total_results=lambda n: 6000 if n == 3 else None,
        )
        assert_green(made.run(DAY, only=ONLY))
        assert made.value("select count(*) from raw_discover") == 59
        assert made.value("select page_count from fetch_log where kind = 'discover'") == 3


def test_pages_that_lack_films_are_requested_by_the_next_run(warehouse, monkeypatch):
    """Each page repeats nine films of the page before: too many to have moved."""
    repeated = [CATALOGUE.page(1)["results"], CATALOGUE.page(2)["results"], CATALOGUE.page(3)["results"]]
    films = [film for page in repeated for film in page]
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = pages_as(lambda n: n, results=lambda n: films[11 * (n - 1) : 11 * (n - 1) + 20])
        result = made.run(DAY, only=ONLY)
        check = evaluations_of(result)["raw_discover.pages_complete"]
        assert (check.passed, check.severity.value) == (False, "ERROR")
        assert "it has 42 of the 60 films" in check.description
        made.replay.faults = None
        made.replay.reset()
        assert_green(made.run(DAY, only=ONLY))
        assert made.value("select count(*) from raw_discover") == 60
        made.replay.reset()
        assert_green(made.run(DAY, only=ONLY))
        assert asked_pages(made.replay) == []


def test_a_list_that_is_much_shorter_than_the_day_before_is_doubted_until_it_is_whole(warehouse, monkeypatch):
    """Its totals agree: only the day before tells that films are missing."""
    short = pages_as(
        lambda n: n,
        total_results=lambda n: 20,
        total_pages=lambda n: 1,
        results=lambda n: None if n == 1 else [],
    )
    day = DAY + dt.timedelta(days=2)
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        assert_green(made.run(DAY, only=ONLY))
        made.replay.faults = short
        for pages in ([1], [2, 3]):
            made.replay.reset()
            result = made.run(day, only=ONLY)
            assert failures_of(result) == []
            check = evaluations_of(result)["raw_discover.pages_complete"]
            assert (check.passed, check.severity.value) == (False, "ERROR")
            assert "it has 20 of the 60 films" in check.description
            assert f"2 to 3; TMDb's list has 1 pages, and had 3 on {DAY}" in check.description
            assert asked_pages(made.replay) == pages
        made.replay.faults = None
        made.replay.reset()
        assert_green(made.run(day, only=ONLY))
        assert asked_pages(made.replay) == [2, 3]
        assert made.value("select count(*) from raw_discover where snapshot_date = :day", day=day) == 60
        made.replay.faults = short
        assert_green(made.run(day + dt.timedelta(days=8), only=ONLY))  # a week later it is what TMDb has


def test_a_day_of_which_nothing_is_believed_fails(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        made.replay.faults = pages_as(lambda n: n, page=lambda n: 7)
        (line,) = failures_of(made.run(DAY, only=ONLY))
        assert line.startswith("TMDb listed no films for 2026-07-29 that can be read: page 1 is not believed")
