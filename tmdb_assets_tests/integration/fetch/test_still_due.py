"""Details still due from earlier days: change lists that failed, films without an answer, 404s not believed."""

from __future__ import annotations

import pytest

from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.edited_films import (
    CATALOGUE,
    DAY,
    DOWN,
    FILMS,
    FOURTH,
    IDS,
    MOVIE_CHAIN,
    NEW,
    NEXT,
    THIRD,
    UNLISTED,
    UNLISTED_EDITED,
    at_films,
    due_of,
    load,
    second_day,
    title_of,
    without_lists,
)
from tmdb_assets_tests.fakes.replay import GARBAGE
from tmdb_assets_tests.stage.many_days import (
    MISSING,
    ONE_DAY,
    asked_changes,
    asked_films,
    asked_pages,
    both,
    change_lists,
)
from tmdb_assets_tests.stage.platform import checks_of, failures_of, platform

FAULTS = [
    pytest.param(MISSING, id="404"),
    pytest.param(GARBAGE, id="garbage", marks=pytest.mark.long),
    pytest.param(DOWN, id="500", marks=pytest.mark.long),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_change_list_every_film_of_the_day_is_requested(known, monkeypatch, fault):
    with platform(known, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = without_lists(fault)
        result = made.fetch_day(NEXT, second_day(), only=MOVIE_CHAIN)
        assert failures_of(result) == []
        assert due_of(result) == {"new": 1, "unlisted": 48}
        assert asked_films(made.replay) == sorted({*IDS, NEW} - {UNLISTED, UNLISTED_EDITED})
        assert made.value("select title from dim_movie where movie_id = :film", film=IDS[0]) == "Another title"


def test_films_of_additional_pages_get_their_details_on_the_same_day(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=2) as made:
        load(made, DAY, CATALOGUE, {})
        first = asked_films(made.replay)
        assert len(first) == 40
    with platform(warehouse, CATALOGUE, monkeypatch, tmdb_pages=5) as made:
        result = load(made, DAY, CATALOGUE, {})
        assert (asked_pages(made.replay), asked_films(made.replay)) == ([3], sorted(set(IDS) - set(first)))
        assert checks_of(result)["dim_movie.films_have_details"]
        assert made.column("select distinct details_date from dim_movie") == [DAY]
        load(made, DAY, CATALOGUE, {})
        assert made.replay.asked == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_change_list_that_failed_is_requested_by_later_days(known, monkeypatch, fault):
    """A changed film outside discover does not wait until it is stale."""
    edited = catalogue([{**made, "title": f"New {made['id']}"} for made in FILMS], discover_ids=IDS[2:])
    listed = {DAY: {IDS[0]}, NEXT: {IDS[1]}}
    with platform(known, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        for day in (NEXT, THIRD):
            made.replay.faults = without_lists(fault)
            made.replay.reset()
            assert failures_of(made.fetch_day(day, edited, only=MOVIE_CHAIN)) == []
            assert asked_films(made.replay) == IDS[2:]
            # Not again on the same day: every film was requested.
            made.replay.reset()
            assert failures_of(made.fetch_day(day, edited, only=MOVIE_CHAIN)) == []
            assert made.replay.asked == []
        load(made, FOURTH, edited, listed, only=MOVIE_CHAIN)
        assert asked_changes(made.replay) == [DAY, NEXT, THIRD, FOURTH]
        assert asked_films(made.replay) == IDS[:2]
        assert (title_of(made, IDS[0]), title_of(made, IDS[1])) == (f"New {IDS[0]}", f"New {IDS[1]}")
        load(made, FOURTH + ONE_DAY, edited, listed, only=MOVIE_CHAIN)
        assert asked_changes(made.replay) == [FOURTH, FOURTH + ONE_DAY]


def test_change_lists_missed_in_an_outage_are_requested_by_the_days_next_run(known, monkeypatch):
    """TMDb is back on the same day: then only changed films are requested."""
    with platform(known, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        made.replay.faults = both(without_lists(DOWN), at_films(IDS, DOWN))
        made.fetch_day(NEXT, second_day(), only=MOVIE_CHAIN)
        result = load(made, NEXT, second_day(), {NEXT: {IDS[0], UNLISTED_EDITED}}, only=MOVIE_CHAIN)
        assert asked_changes(made.replay) == [DAY, NEXT]
        assert due_of(result) == {"changed": 2, "new": 1}
        assert set(asked_films(made.replay)) <= {IDS[0], UNLISTED_EDITED, NEW}
        assert title_of(made, IDS[0]) == "Another title"
        load(made, THIRD, second_day(), {}, only=MOVIE_CHAIN)
        assert (asked_changes(made.replay), asked_films(made.replay)) == ([NEXT, THIRD], [])


def test_films_whose_404_was_not_believed_are_requested_by_later_days(known, monkeypatch):
    edited = catalogue([{**made, "title": f"New {made['id']}"} for made in FILMS], discover_ids=IDS[10:])
    wrong, right = IDS[:30], IDS[30:]
    with platform(known, CATALOGUE, monkeypatch) as made:
        for day, asked in ((NEXT, IDS), (THIRD, wrong)):
            made.replay.faults = both(change_lists({NEXT: IDS} if day == NEXT else {}), at_films(wrong, MISSING))
            made.replay.reset()
            result = made.fetch_day(day, edited, only=MOVIE_CHAIN)
            assert asked_films(made.replay) == asked
            assert not checks_of(result)["dim_movie.removals_plausible"]
        assert made.column("select movie_id from dim_movie where title like 'New %' order by 1") == right
        load(made, FOURTH, edited, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == wrong
        assert made.column("select movie_id from dim_movie where title like 'New %' order by 1") == IDS
        load(made, FOURTH + ONE_DAY, edited, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == []


@pytest.mark.parametrize("lists", ["read", "withheld"])
def test_a_film_stays_due_over_several_days(known, monkeypatch, lists):
    """Two days failed to get its details, the second perhaps without a change list; no later list has it."""
    edited = catalogue([{**FILMS[0], "title": "Another title"}, *FILMS[1:]], discover_ids=IDS[1:])
    broken = at_films([IDS[0]], GARBAGE)
    with platform(known, CATALOGUE, monkeypatch, retry_seconds=0.3) as made:
        for day in (NEXT, THIRD):
            withheld = without_lists(GARBAGE) if day == THIRD and lists == "withheld" else None
            made.replay.faults = both(broken, *([withheld] if withheld else []), change_lists({NEXT: {IDS[0]}}))
            made.replay.reset()
            assert failures_of(made.fetch_day(day, edited, only=MOVIE_CHAIN)) == []
            assert IDS[0] in asked_films(made.replay)
        load(made, FOURTH, edited, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == [IDS[0]]
        assert title_of(made, IDS[0]) == "Another title"
        load(made, FOURTH + ONE_DAY, edited, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == []
