"""The history of films is a function of the stored answers: any order of days, and any repeat, gives the same rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import groupby, permutations, product
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tmdb_assets.transforms.details import parse_details
from tmdb_assets.warehouse.loading.history import days_to_load, merge_history
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.retention import drop_old_raw
from tmdb_assets.warehouse.schema.dimensions import dim_movie
from tmdb_assets.warehouse.schema.history import movie_history
from tmdb_assets.warehouse.schema.raw import raw_discover
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.film_answers import FIRST, GONE, Answers, details, know, load_answers
from tmdb_assets_tests.cases.sound_rows import load_rows, rows_of
from tmdb_assets_tests.stage.at_once import together

DAYS = [FIRST + dt.timedelta(days=number) for number in range(7)]  # over the end of a month
KNOWN = (1, 2, 3)

ROWS = "select movie_id, valid_from, valid_to, genre_ids, is_removed, confirmed_dates from movie_history order by 1, 2"
ANSWERS = st.dictionaries(st.sampled_from(KNOWN), st.sampled_from(["a", "ab", "", GONE]), max_size=3)
LOADS = st.lists(st.tuples(st.integers(0, len(DAYS) - 1), ANSWERS), min_size=1, max_size=8)


def expected(raw: Mapping[dt.date, Answers], films: Iterable[int] = KNOWN) -> list[tuple[Any, ...]]:
    """The rows of the history by these answers, computed film by film and day by day."""
    rows: list[tuple[Any, ...]] = []
    for film in films:
        said = [(day, answers[film]) for day, answers in sorted(raw.items()) if film in answers]
        runs = [[day for day, _ in run] for _, run in groupby(said, key=lambda pair: pair[1])]
        states = [what for what, _ in groupby(said, key=lambda pair: pair[1])]
        for number, (days, what) in enumerate(zip(runs, states, strict=True)):
            until = runs[number + 1][0] if number + 1 < len(runs) else None
            genres = None if what == GONE else [ord(letter) for letter in what]
            rows.append((film, days[0], until, genres, what == GONE, days))
    return rows


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(loads=[(0, {1: "a"}), (2, {1: "a"}), (6, {1: "a"}), (4, {1: "ab"})])  # splits a state in three
@example(loads=[(6, {1: "a"}), (3, {1: "a"}), (0, {1: "a"})])  # extends one backwards
@example(loads=[(2, {1: "a"}), (1, {1: "ab"}), (0, {1: "a"}), (1, {1: "a"})])  # and closes the split again
@example(loads=[(3, {1: GONE}), (0, {1: "a"}), (5, {1: "a"}), (4, {1: GONE}), (3, {1: "a"})])
@given(loads=LOADS)
def test_any_order_of_days_gives_the_same_states(warehouse: Warehouse, loads: list[tuple[int, Answers]]) -> None:
    with warehouse.begin() as connection:
        connection.exec_driver_sql("truncate dim_movie, raw_details cascade")
    know(warehouse, *KNOWN)
    raw: dict[dt.date, dict[int, str]] = {}
    for number, answers in loads:
        raw.setdefault(DAYS[number], {}).update(answers)
        load_answers(warehouse, DAYS[number], raw[DAYS[number]])
        assert rows_of(warehouse, ROWS) == expected(raw)


def test_every_order_of_a_removal_and_a_return_gives_three_states(warehouse: Warehouse) -> None:
    days = {DAYS[0]: "a", DAYS[2]: GONE, DAYS[4]: "a"}
    orders = dict(enumerate(permutations(days), start=1))  # one film for each
    know(warehouse, *orders)
    raw: dict[dt.date, dict[int, str]] = {day: {} for day in days}
    for place, day in product(range(len(days)), days):
        raw[day] |= {film: days[day] for film, order in orders.items() if order[place] == day}
        load_answers(warehouse, day, raw[day])
    assert rows_of(warehouse, ROWS) == expected(raw, orders)


def test_days_that_are_loaded_at_once_give_the_states_of_both(warehouse: Warehouse) -> None:
    know(warehouse, *KNOWN)
    raw: dict[dt.date, Answers] = {
        DAYS[0]: {1: "a", 2: "a", 3: GONE},
        DAYS[3]: {1: "a", 2: "ab", 3: "a"},
        DAYS[1]: {1: "ab", 2: "a"},
        DAYS[2]: {1: "ab", 2: GONE, 3: GONE},
    }
    days = list(raw)
    for pair in (days[:2], days[2:]):
        together(*(partial(load_answers, warehouse, day, raw[day]) for day in pair))
    assert rows_of(warehouse, ROWS) == expected(raw)


def test_the_same_day_again_writes_nothing(warehouse: Warehouse) -> None:
    know(warehouse, *KNOWN)
    assert load_answers(warehouse, DAYS[0], {1: "a", 2: "a"}) == MergeCounts(inserted=2)
    assert load_answers(warehouse, DAYS[1], {1: "ab", 2: "a"}) == MergeCounts(inserted=1, updated=2)
    stamps = rows_of(warehouse, "select xmin::text, * from movie_history order by movie_id, valid_from")
    assert load_answers(warehouse, DAYS[1], {1: "ab", 2: "a"}) == MergeCounts(unchanged=2)
    assert rows_of(warehouse, "select xmin::text, * from movie_history order by movie_id, valid_from") == stamps


def test_a_404_counts_as_soon_as_the_film_is_known_and_only_where_it_is_believed(warehouse: Warehouse) -> None:
    know(warehouse, 2, 3)
    load_answers(warehouse, DAYS[2], {1: GONE, 2: GONE})
    listed = {"movie_id": 3, "popularity": 1.0, "rank": 1, "payload": {}, "snapshot_date": DAYS[3]}
    load_rows(warehouse, raw_discover, [listed | {"fetched_at": dt.datetime.combine(DAYS[3], dt.time(9), dt.UTC)}])
    load_answers(warehouse, DAYS[3], {3: GONE})  # discover lists it on that day
    fault = range(100, 121)
    know(warehouse, *fault)
    load_answers(warehouse, DAYS[4], dict.fromkeys(fault, GONE))  # so many at once are a fault of TMDb
    assert rows_of(warehouse, ROWS) == [(2, DAYS[2], None, None, True, [DAYS[2]])]
    know(warehouse, 1)
    load_answers(warehouse, DAYS[0], {1: "a"})
    assert rows_of(warehouse, ROWS) == expected({DAYS[0]: {1: "a"}, DAYS[2]: {1: GONE, 2: GONE}})


def test_a_day_without_stored_answers_keeps_what_was_known(warehouse: Warehouse) -> None:
    know(warehouse, 1)
    for day, genres in zip(DAYS, ["a", "ab", "a"], strict=False):
        load_answers(warehouse, day, {1: genres})
    before = rows_of(warehouse, ROWS)
    with warehouse.begin() as connection:
        connection.exec_driver_sql("truncate raw_details")
    assert load_answers(warehouse, DAYS[1], {}) == MergeCounts()
    assert rows_of(warehouse, ROWS) == before


def test_an_answer_that_broke_the_contract_takes_back_what_the_day_said(warehouse: Warehouse) -> None:
    know(warehouse, *KNOWN, *range(100, 121))
    load_answers(warehouse, DAYS[0], {1: "a"} | dict.fromkeys(range(100, 121), "a"))
    load_answers(warehouse, DAYS[1], {1: "ab"})
    broken = parse_details([details(1, "ab") | {"runtime": -5}], DAYS[1])["movie_history"]
    merge = partial(merge_history, days=[DAYS[1]])
    loaded = load_rows(warehouse, movie_history, broken, day=DAYS[1], merge=merge, is_partial=True)
    assert len(loaded.rejected) == 1
    assert rows_of(warehouse, ROWS)[:1] == expected({DAYS[0]: {1: "a"}})


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_an_answer_with_which_dim_movie_rejects_the_film_does_not_count_in_any_order(
    warehouse: Warehouse, order: tuple[int, ...]
) -> None:
    """The film is known only by these answers; that of the second day has no title."""
    answers = [{1: genres} | dict.fromkeys(range(100, 140), "z") for genres in ("a", "ab", "abc")]
    for place in order:
        day = DAYS[place]
        films = [details(*answer) for answer in answers[place].items()]
        films[0]["title"] = ["x"] if place == 1 else "x"
        assert len(load_rows(warehouse, dim_movie, parse_details(films, day)["dim_movie"], day=day).rejected) == (
            1 if place == 1 else 0
        )
        load_answers(warehouse, day, answers[place])
    assert rows_of(warehouse, ROWS)[:2] == expected({DAYS[0]: {1: "a"}, DAYS[2]: {1: "abc"}})


def test_the_first_load_takes_all_stored_answers(warehouse: Warehouse) -> None:
    know(warehouse, 1)
    days = {DAYS[0]: {1: "a"}, DAYS[2]: {1: GONE}, DAYS[4]: {1: "ab"}}
    for day, answers in days.items():
        load_answers(warehouse, day, answers)
    with warehouse.begin() as connection:
        assert days_to_load(connection, DAYS[2]) == [DAYS[2]]
        connection.exec_driver_sql("truncate movie_history")
        wanted = days_to_load(connection, DAYS[5])
    assert wanted == [*days, DAYS[5]]
    rows = [
        row for day in (DAYS[0], DAYS[4]) for row in parse_details([details(1, days[day][1])], day)["movie_history"]
    ]
    load_rows(warehouse, movie_history, rows, day=DAYS[5], merge=partial(merge_history, days=wanted))
    assert rows_of(warehouse, ROWS) == expected(days)


def test_former_states_can_be_forgotten_and_the_newest_stays(warehouse: Warehouse) -> None:
    know(warehouse, 1, 2)
    for day, genres in zip(DAYS, ["a", "ab", "a"], strict=False):
        load_answers(warehouse, day, {1: genres, 2: "b"})
    later = DAYS[1] + dt.timedelta(days=180)
    assert drop_old_raw(warehouse, later).former_states == 0  # unless a setting says so
    warehouse.settings = warehouse.settings.model_copy(update={"movie_history_days": 180})
    assert drop_old_raw(warehouse, later - dt.timedelta(days=1)).former_states == 0
    assert drop_old_raw(warehouse, later).former_states == 1
    left = rows_of(warehouse, "select movie_id, valid_from, valid_to from movie_history order by 1, 2")
    assert left == [(1, DAYS[1], DAYS[2]), (1, DAYS[2], None), (2, DAYS[0], None)]


@pytest.mark.parametrize(
    "statement",
    [
        "update movie_history set valid_to = '2026-08-01' where valid_from = '2026-07-29'",  # a hole
        "update movie_history set valid_to = null where valid_from = '2026-07-29'",  # two without an end
        "update movie_history set valid_to = valid_from where valid_from = '2026-07-30'",
        "delete from movie_history where valid_from = '2026-07-30'",
        "insert into movie_history (movie_id, valid_from, valid_to, confirmed_dates) "  # an overlap
        "values (1, '2026-07-28', '2026-07-30', '{2026-07-28}')",
        "update movie_history set confirmed_dates = '{}' where valid_from = '2026-07-29'",
        "update movie_history set confirmed_dates = '{2026-07-29,2026-07-30}' where valid_from = '2026-07-29'",
        "update movie_history set is_removed = true where valid_from = '2026-07-29'",
    ],
)
def test_postgres_refuses_states_that_overlap_or_leave_a_hole(warehouse: Warehouse, statement: str) -> None:
    know(warehouse, 1)
    for day, genres in zip(DAYS, ["a", "ab", "a"], strict=False):
        load_answers(warehouse, day, {1: genres})
    with pytest.raises(sa.exc.IntegrityError), warehouse.begin() as connection:
        connection.exec_driver_sql(statement)
