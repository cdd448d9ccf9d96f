"""Which films are due and which are removed, on the edge of each rule: the ledger's functions called directly."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.warehouse.ledger import details_due
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets_tests.oracle.compare import Tables

DAY = dt.date(2026, 7, 29)
NINE = dt.time(9, tzinfo=dt.UTC)
AGE = 30
LARGEST = 2**63 - 1


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


@pytest.fixture
def tables(warehouse) -> Tables:
    for table in (raw.raw_discover, raw.raw_details):
        for number in range(-1, 7):
            ensure_partition(warehouse.engine, table, ago(number))
    return Tables(warehouse)


def know(tables, movie_id, *, as_of, details=None, removed=None, inserted="2026-01-01"):
    tables.execute(
        "insert into dim_movie (movie_id, title, as_of_date, details_date, removed_date, inserted_at) "
        "values (:film, 'x', :as_of, :details, :removed, :inserted)",
        film=movie_id,
        as_of=as_of,
        details=details,
        removed=removed,
        inserted=inserted,
    )


def list_film(tables, movie_id, day=DAY):
    tables.execute(
        "insert into raw_discover values (:day, :film, 1, null, null, :film, '{}', :at, 1)",
        day=day,
        film=movie_id,
        at=dt.datetime.combine(day, NINE),
    )


def answer(tables, movie_id, status, day=DAY, crawl=1):
    tables.execute(
        "insert into raw_details values (:day, :film, :status, null, :at, :crawl)",
        day=day,
        film=movie_id,
        status=status,
        at=dt.datetime.combine(day, NINE),
        crawl=crawl,
    )


def be_due(tables, movie_id, day, reason="changed"):
    tables.execute("insert into details_due values (:day, :film, :reason)", day=day, film=movie_id, reason=reason)


def called(tables, function, *arguments, **options):
    with tables.warehouse.begin() as connection:
        return function(connection, *arguments, **options)


def test_the_reasons_of_films_on_and_off_the_days_list(tables):
    know(tables, 2, as_of=ago(1))
    know(tables, 3, as_of=ago(9), removed=ago(8))
    know(tables, 4, as_of=ago(1), details=ago(1))
    know(tables, 5, as_of=ago(1), details=ago(1))
    know(tables, 6, as_of=DAY, details=DAY, removed=ago(-1))  # the clock was put back over midnight
    be_due(tables, 6, DAY, "new")
    for movie_id in range(1, 7):
        list_film(tables, movie_id)
    know(tables, LARGEST, as_of=ago(AGE), details=ago(AGE))  # all of these are not listed
    know(tables, 3_600_000_000, as_of=ago(AGE), details=ago(AGE))
    know(tables, 7, as_of=ago(AGE + 9), details=ago(AGE + 9), removed=ago(1))  # asked yesterday
    know(tables, 8, as_of=ago(1))  # never answered
    know(tables, 10, as_of=ago(1), details=ago(1))
    assert called(tables, details_due.plan_details, DAY, {4, 10}, AGE) == {
        "changed": 2,
        "new": 3,
        "returned": 1,
        "stale": 3,
    }
    reasons = dict(tables.rows("select movie_id, reason from details_due"))
    assert reasons == {
        1: "new",
        2: "new",
        3: "returned",
        4: "changed",
        6: "new",
        8: "stale",
        10: "changed",
        3_600_000_000: "stale",
        LARGEST: "stale",
    }


def test_a_film_is_stale_once_it_is_as_old_as_its_threshold(tables):
    """Of 1: 15.0 + 15 * (2654435761 % 2**32) / 2**32 = 24.3 days, so 25."""
    know(tables, 1, as_of=ago(25), details=ago(25))
    assert called(tables, details_due.plan_details, DAY, (), AGE) == {"stale": 1}
    tables.execute("delete from details_due")
    tables.execute("update dim_movie set details_date = :day", day=ago(24))
    assert called(tables, details_due.plan_details, DAY, (), AGE) == {}
    tables.execute("update dim_movie set details_date = :old, removed_date = :day", old=ago(60), day=ago(24))
    assert called(tables, details_due.plan_details, DAY, (), AGE) == {}


def test_what_was_not_answered_is_owed(tables):
    since = ago(3)
    cases = {
        # film: (due, reason, answers as (day, status), details_date, removed_date, whether it is owed)
        1: (ago(2), "changed", [], None, None, True),
        2: (ago(2), "changed", [(ago(2), 200)], ago(2), None, False),
        3: (ago(2), "changed", [(ago(5), 200)], ago(5), None, True),
        4: (ago(2), "changed", [(ago(2), 404)], ago(9), ago(2), False),
        5: (ago(2), "unlisted", [], ago(9), None, False),  # the list of changes of that day is requested again
        6: (since, "unlisted", [], ago(9), None, True),
        7: (ago(2), "changed", [(ago(2), 404)], ago(9), None, True),  # listed by discover that day
        8: (ago(AGE), "changed", [], ago(40), None, True),
        9: (ago(AGE + 1), "changed", [], ago(40), None, False),
        10: (DAY, "changed", [], ago(40), None, False),
        11: (ago(2), "changed", [(ago(1), 200)], ago(9), None, False),  # its details were rejected
    }
    cases[12] = (ago(2), "changed", [], ago(9), DAY, False)  # gone by an earlier run of today
    list_film(tables, 7, day=ago(2))
    for movie_id, (day, reason, answers, details, removed, _) in cases.items():
        know(tables, movie_id, as_of=details or ago(9), details=details, removed=removed)
        be_due(tables, movie_id, day, reason)
        for answered, status in answers:
            answer(tables, movie_id, status, day=answered)
    owed = called(tables, details_due.unanswered, DAY, since, AGE)
    assert owed == {movie_id for movie_id, case in cases.items() if case[-1]}


def test_a_film_is_asked_again_where_its_answer_is_older_than_the_crawl(tables):
    for movie_id in (1, 2, 3):
        be_due(tables, movie_id, DAY)
    answer(tables, 1, 200, crawl=2)
    answer(tables, 2, 200, crawl=1)
    assert called(tables, details_due.films_due, DAY, 2) == [2, 3]
    assert called(tables, details_due.count_missing, DAY, 2) == 2


def test_a_film_confirmed_on_the_day_or_later_is_not_removed(tables):
    for movie_id, confirmed in enumerate((ago(1), DAY, ago(-1)), start=1):
        know(tables, movie_id, as_of=confirmed, details=confirmed)
    know(tables, 4, as_of=DAY)
    assert called(tables, details_due.mark_removed, DAY, [1, 2, 3, 4]) == 1
    assert tables.column("select movie_id from dim_movie where removed_date = :day", day=DAY) == [1]
    assert called(tables, details_due.mark_removed, ago(1), [1]) == 0  # an older 404 changes nothing


@pytest.mark.parametrize("others", [19, 20])
def test_a_404_of_a_later_day_marks_only_what_this_load_inserted_and_only_if_it_is_believed(tables, others):
    for number in range(others + 1):
        answer(tables, 1 + number, 404, day=ago(-1))
    know(tables, 2, as_of=ago(5))
    with tables.warehouse.begin() as connection:
        connection.exec_driver_sql("insert into dim_movie (movie_id, title, as_of_date) values (1, 'x', '2026-07-29')")
        assert details_due.mark_removed_later(connection, DAY) == (others < 20)
    assert tables.column("select movie_id from dim_movie where removed_date is not null") == [1][: others < 20]


def test_a_404_of_a_listed_film_counts_for_the_share_but_removes_nothing(tables):
    for movie_id in (1, 2, 3):
        answer(tables, movie_id, 404 if movie_id < 3 else 200)
    list_film(tables, 1)
    list_film(tables, 2, day=ago(1))
    found = called(tables, details_due.removals, DAY)
    assert (found.requested, found.gone, found.listed, found.not_found) == (3, {2}, {1}, 2)
    assert not details_due.Removals(100, frozenset(range(11)), frozenset(range(11, 21))).are_plausible
