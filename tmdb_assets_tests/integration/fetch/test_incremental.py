"""Details day by day: only new, changed, returned and stale films are requested; tables are as if all were."""

from __future__ import annotations

import pytest

from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.edited_films import (
    CATALOGUE,
    DAY,
    EDITS,
    FILMS,
    GONE,
    IDS,
    MOVIE_CHAIN,
    NEW,
    NEXT,
    UNLISTED,
    UNLISTED_EDITED,
    due_of,
    load,
    second_day,
)
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.many_days import (
    ONE_DAY,
    asked_changes,
    asked_exports,
    asked_films,
    asked_pages,
    content_of,
)
from tmdb_assets_tests.stage.platform import assert_green, platform


def test_the_second_day_requests_only_new_and_changed_films(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        assert due_of(load(made, DAY, CATALOGUE, {})) == {"new": 50}
        assert asked_changes(made.replay) == []  # no known film can have changed
        result = load(made, NEXT, second_day(), {DAY: {IDS[0]}, NEXT: {*EDITS, GONE, 123_456}})
        assert due_of(result) == {"changed": len(EDITS) + 1, "new": 1}
        assert asked_films(made.replay) == sorted([*EDITS, GONE, NEW])
        assert asked_changes(made.replay) == [DAY, NEXT]
        assert (asked_pages(made.replay), asked_exports(made.replay)) == ([1, 2, 3], [NEXT])
        assert made.replay.requests.total() == len(EDITS) + 2 + 2 + 3 + 1
        assert_green(result)
        # Not again on the same day.
        load(made, NEXT, second_day(), {NEXT: {*EDITS}})
        assert made.replay.asked == []


def test_every_table_equals_what_a_full_fetch_gives(server, warehouse, monkeypatch):
    later = second_day()
    with platform(warehouse, CATALOGUE, monkeypatch) as made:
        load(made, DAY, CATALOGUE, {})
        load(made, NEXT, later, {NEXT: {*EDITS, GONE}})
        few, found = made.replay.requests["details"], content_of(made)
        titles = dict(made.rows("select movie_id, title from dim_movie"))
        measures = dict(
            made.rows("select source, count(*) from fact_movie_daily where date_id = :d group by 1", d=NEXT)
        )
    with copied_warehouse(server) as other, platform(other, CATALOGUE, monkeypatch) as made:
        load(made, DAY, CATALOGUE, {})
        load(made, NEXT, later, {NEXT: later.films})
        assert (few, made.replay.requests["details"]) == (len(EDITS) + 2, len(later.films))
        full = content_of(made)
    for name, rows in full.items():
        assert found[name] == rows, name
    assert (titles[IDS[0]], titles[NEW], len(titles)) == ("Another title", f"Film {NEW}", 51)
    assert measures == {"discover": 49, "export": 2}


@pytest.mark.long
def test_a_change_missing_from_the_list_is_found_when_the_film_is_stale(known, monkeypatch):
    age, edited = 8, catalogue([{**made, "title": f"New {made['id']}"} for made in FILMS])
    requested = {}
    with platform(known, CATALOGUE, monkeypatch, tmdb_details_max_age_days=age) as made:
        for days in range(1, age + 2):
            result = load(made, DAY + days * ONE_DAY, edited, {}, only=MOVIE_CHAIN)
            assert set(due_of(result)) <= {"stale"}
            requested |= dict.fromkeys(asked_films(made.replay), days)
            new = made.column("select movie_id from dim_movie where title like 'New %' order by 1")
            assert new == sorted(requested)  # the others keep their details
    assert sorted(requested) == IDS
    assert age in requested.values()
    assert set(requested.values()) <= set(range(age // 2, age + 1))
    assert max(list(requested.values()).count(days) for days in range(age + 2)) < len(IDS) / 2  # no day has a wave


def test_a_404_sets_removed_date_and_a_later_answer_clears_it(known, monkeypatch):
    shown = catalogue(FILMS, discover_ids=IDS[1:])
    query = "select title, details_date, removed_date from dim_movie where movie_id = :film"
    with platform(known, CATALOGUE, monkeypatch) as made:
        load(made, NEXT, shown.but(gone={IDS[0]}), {NEXT: {IDS[0]}}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == [IDS[0]]
        assert made.rows(query, film=IDS[0]) == [("Film 9001", DAY, NEXT)]
        third = NEXT + ONE_DAY
        load(made, third, shown, {third: {IDS[0]}}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == [IDS[0]]
        assert made.rows(query, film=IDS[0]) == [("Film 9001", third, None)]


@pytest.mark.parametrize(("gap", "lists"), [(1, 2), (5, 6), (13, 14), (14, 14), (40, 14)])
def test_a_gap_is_covered_by_the_change_lists_of_up_to_fourteen_days(known, monkeypatch, gap, lists):
    day = DAY + gap * ONE_DAY
    first = day - (lists - 1) * ONE_DAY
    with platform(known, CATALOGUE, monkeypatch, tmdb_details_max_age_days=3650) as made:
        load(made, day, CATALOGUE, {first: {IDS[3]}, day: {IDS[4]}, day - 15 * ONE_DAY: {IDS[5]}}, only=MOVIE_CHAIN)
        assert asked_changes(made.replay) == [first + n * ONE_DAY for n in range(lists)]
        assert asked_films(made.replay) == [IDS[3], IDS[4]]


def test_a_refresh_as_the_days_first_run_loses_no_change(known, monkeypatch):
    later = second_day()
    with platform(known, CATALOGUE, monkeypatch) as made:
        load(made, NEXT, later, {DAY: {UNLISTED_EDITED}}, only=MOVIE_CHAIN, refresh=True)
        assert set(asked_films(made.replay)) == {*IDS, NEW} - {UNLISTED}
        load(made, NEXT + ONE_DAY, later, {}, only=MOVIE_CHAIN)
        assert made.column("select collection_id from dim_movie where movie_id = :film", film=UNLISTED_EDITED) == [7]


def test_films_older_than_the_ledger_are_requested_once(known, monkeypatch):
    """A warehouse filled by an earlier version has no change lists: what changed since is unknown."""
    with platform(known, CATALOGUE, monkeypatch) as made:
        made.execute("delete from fetch_log where kind = 'changes'")
        made.execute("delete from details_due")
        load(made, NEXT, CATALOGUE, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == IDS
        load(made, NEXT + ONE_DAY, CATALOGUE, {}, only=MOVIE_CHAIN)
        assert asked_films(made.replay) == []
