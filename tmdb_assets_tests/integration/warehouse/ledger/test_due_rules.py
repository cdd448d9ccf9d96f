"""Which films are due, owed, unanswered and removed, for every combination of what is stored: against plain Python."""

from __future__ import annotations

import datetime as dt
from itertools import count, product
from math import ceil

import pytest

from tmdb_assets.warehouse.ledger import details_due
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets_tests.oracle.compare import Tables

DAY = dt.date(2026, 7, 29)
AGE = 30
TALL = 2**31  # ids beyond it are hashed by their last 31 bits


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


@pytest.fixture
def tables(warehouse) -> Tables:
    for number in range(-1, 7):
        for table in (raw.raw_discover, raw.raw_details):
            ensure_partition(warehouse.engine, table, ago(number))
    return Tables(warehouse)


def insert(tables, statement, rows):
    with tables.warehouse.begin() as connection, connection.connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


def know(tables, films):
    """Films as (id, as_of_date, details_date, removed_date)."""
    insert(
        tables,
        "insert into dim_movie (movie_id, title, as_of_date, details_date, removed_date, inserted_at) "
        "values (%s, 'x', %s, %s, %s, '2026-01-01')",
        films,
    )


def list_films(tables, entries):
    """Entries as (day, film, rank)."""
    insert(
        tables,
        "insert into raw_discover values (%s, %s, 1, null, null, %s, '{}', %s, 1)",
        ((day, film, rank, dt.datetime.combine(day, dt.time(9), dt.UTC)) for day, film, rank in entries),
    )


def answer(tables, answers):
    """Answers as (day, film, status, number of the crawl)."""
    insert(
        tables,
        "insert into raw_details values (%s, %s, %s, null, %s, %s)",
        (
            (day, film, status, dt.datetime.combine(day, dt.time(9), dt.UTC), crawl)
            for day, film, status, crawl in answers
        ),
    )


def be_due(tables, entries):
    """Entries as (day, film, reason)."""
    insert(tables, "insert into details_due values (%s, %s, %s)", entries)


def called(tables, function, *arguments, **options):
    with tables.warehouse.begin() as connection:
        return function(connection, *arguments, **options)


def newest(*days):
    return max((day for day in days if day is not None), default=dt.date.min)


def threshold(film: int) -> int:
    return ceil(AGE * (0.5 + 0.5 * (film % 2**31 * 2654435761 % 2**32) / 2**32))


def why(film, *, refresh, changes_known) -> str | None:
    """The reason for which a film is due, if it is."""
    number, is_known, is_listed, is_changed, as_of, details, removed = film
    if is_listed and refresh:
        return "refresh"
    if is_listed and (not is_known or not (details or removed)):
        return "new"
    if is_listed and removed:
        return "returned"
    if not is_known:
        return None
    if is_changed:
        return "changed"
    if is_listed and not changes_known:
        return "unlisted"
    asked = details if is_listed else newest(details, removed, as_of - dt.timedelta(days=AGE))
    return "stale" if (DAY - asked).days >= threshold(number) else None


def drawn_films():
    """Every combination, with dates on both sides of the film's own threshold."""
    numbers, films = count(1), []
    for listed, changed, base in product((True, False), (True, False), (0, TALL)):
        films.append((base + next(numbers), False, listed, changed, None, None, None))
        for details, removed, as_of in product((None, 1, 0, -9), (None, 1, 0), (1, 40)):
            number = base + next(numbers)
            dates = [None if early is None else ago(threshold(number) - early) for early in (details, removed)]
            films.append((number, True, listed, changed, ago(as_of), *dates))
    return films


def test_films_are_due_for_the_reasons_of_plain_python(tables):
    films = drawn_films()
    know(tables, ((film[0], *film[4:]) for film in films if film[1]))
    list_films(tables, ((DAY, film[0], 1) for film in films if film[2]))
    list_films(tables, ((ago(1), film[0], 1) for film in films))  # of another day: of no account
    changed = [film[0] for film in films if film[3]]
    be_due(tables, [(DAY, 90_001, "changed"), (ago(1), 90_001, "changed")])  # a refresh forgets those of the day alone
    stored: dict[int, str] = {90_001: "changed"}
    for refresh, is_known in ((False, True), (False, False), (True, True), (False, True)):
        options = {"owed": changed[::2] if is_known else changed, "refresh": refresh}
        counts = called(tables, details_due.plan_details, DAY, changed[1::2] if is_known else None, AGE, **options)
        found = {film[0]: why(film, refresh=refresh, changes_known=is_known) for film in films}
        stored = ({} if refresh else stored) | {number: reason for number, reason in found.items() if reason}
        assert (
            dict(tables.rows("select movie_id, reason from details_due where snapshot_date = :day", day=DAY)) == stored
        )
        assert counts == {reason: [*stored.values()].count(reason) for reason in sorted({*stored.values()})}
        assert [*counts] == sorted(counts)
    assert tables.column("select snapshot_date from details_due where movie_id = 90001") == [ago(1)]


def drawn_debts(first, since):
    """Films as (due, reason, answers, listed on, details_date, removed_date)."""
    answers = [(), ((0, 200),), ((0, 404),), ((-1, 200),), ((1, 200),), ((1, 404),), ((2, 404),)]
    for due, reason, given, listed, dates in product(
        (first - dt.timedelta(days=1), first, since, ago(1), DAY),
        ("unlisted", "changed"),
        answers,
        (None, 0, 1),
        ((None, None), (-1, None), (0, None), (-1, 0)),
    ):
        days = [None if shift is None else due + dt.timedelta(days=shift) for shift in dates]
        said = {due + dt.timedelta(days=shift): status for shift, status in given}
        yield due, reason, said, None if listed is None else due + dt.timedelta(days=listed), *days


def test_films_are_owed_by_the_rules_of_plain_python(tables):
    first, since = ago(5), ago(3)
    days = {ago(number) for number in range(-1, 7)}
    debts = {film: debt for film, debt in enumerate(drawn_debts(first, since), start=1) if {*debt[2]} <= days}
    # On `first` there are many 404s, but more requests: they are believed; others of two days ago are too many.
    kept = {film: debt for film, debt in debts.items() if 404 not in debt[2].values() or film % 9 == 0}
    know(tables, ((film, debt[4] or ago(9), debt[4], debt[5]) for film, debt in kept.items()))
    be_due(tables, ((debt[0], film, debt[1]) for film, debt in kept.items()))
    said = [(day, film, status, 1) for film, debt in kept.items() for day, status in debt[2].items()]
    said += [(first, 10_000 + number, 200 if number > 20 else 404, 1) for number in range(4_000)]
    said += [(day, 20_000 + number, 404, 1) for day in (ago(6), ago(2), DAY) for number in range(21)]
    answer(tables, said)
    listed = {(debt[3], film) for film, debt in kept.items() if debt[3] in days}
    list_films(tables, ((day, film, 1) for day, film in listed))
    gone = {day: sum(entry[0] == day and entry[2] == 404 for entry in said) for day in days}
    asked = {day: sum(entry[0] == day for entry in said) for day in days}
    believed = {day for day in days if gone[day] <= 20 or gone[day] <= asked[day] / 100}
    assert gone[first] > 20
    assert (first in believed, ago(2) in believed, ago(1) in believed) == (True, False, True)

    def is_owed(film, due, reason, answers, _, details, removed):
        if not first <= due < DAY or (reason == "unlisted" and due > since) or newest(details, removed) >= due:
            return False
        return not any(
            due <= day < DAY and (status == 200 or (day in believed and (day, film) not in listed))
            for day, status in answers.items()
        )

    be_due(tables, [(ago(1), 90_001, "changed")])  # never stored
    expected = {film for film, debt in kept.items() if is_owed(film, *debt)} | {90_001}
    assert called(tables, details_due.unanswered, DAY, since, (DAY - first).days) == expected
    assert 20 < len(expected) < len(kept) - 20


@pytest.mark.parametrize("others", [0, 30])
def test_films_are_asked_again_in_the_order_of_discover(tables, others):
    films = list(enumerate(product((True, False), (None, (200, 1), (200, 2), (200, 3), (404, 1), (404, 2))), start=1))
    be_due(tables, ((DAY, film, "changed") for film, _ in films))
    be_due(tables, ((ago(1), film + 100, "changed") for film, _ in films))
    list_films(tables, ((DAY, film, 100 - film) for film, (is_listed, _) in films if is_listed))
    answer(tables, ((DAY, film, *given) for film, (_, given) in films if given))
    answer(tables, ((ago(1), film, 200, 9) for film, _ in films))
    answer(tables, ((DAY, 1000 + number, 404, 2) for number in range(others)))

    def missing(*, believed):
        return [
            (not is_listed, -film if is_listed else film, film)
            for film, (is_listed, given) in films
            if not (given and given[1] >= 2 and (given[0] == 200 or believed))
        ]

    asked = [film for *_, film in sorted(missing(believed=others == 0))]
    assert called(tables, details_due.films_due, DAY, 2) == asked
    assert called(tables, details_due.count_missing, DAY, 2) == len(missing(believed=True))


def test_unlisted_films_without_an_answer_are_forgotten(tables):
    for day, reason, film in ((DAY, "unlisted", 1), (DAY, "unlisted", 2), (DAY, "changed", 3), (ago(1), "unlisted", 4)):
        be_due(tables, [(day, film, reason)])
    answer(tables, [(DAY, 2, 200, 1), (ago(1), 1, 200, 1), (DAY, 9, 200, 1)])
    called(tables, details_due.forget_unlisted, DAY)
    assert tables.column("select movie_id from details_due order by 1") == [2, 3, 4]


def test_a_removal_is_taken_back_and_other_days_404s_count_again(tables):
    know(tables, [(film, ago(5), None, DAY) for film in range(1, 6)] + [(6, ago(5), None, ago(1))])
    answer(tables, [(DAY, film, 404, 1) for film in (1, 2, 3, 6)] + [(DAY, 4, 200, 1)])
    answer(tables, [(ago(2), 1, 404, 1), (ago(2), 7, 404, 1)])
    changed_at = tables.value("select max(updated_at) from dim_movie")
    assert called(tables, details_due.take_back_removals, DAY, [2]) == 2
    removed = dict(tables.rows("select movie_id, removed_date from dim_movie"))
    assert removed == {1: ago(2), 2: DAY, 3: None, 4: DAY, 5: DAY, 6: ago(1)}
    later = tables.column("select movie_id from dim_movie where updated_at > :at order by 1", at=changed_at)
    assert later == [1, 3]
    assert called(tables, details_due.take_back_removals, DAY, [2]) == 0


def test_a_day_before_has_details_only_if_a_film_has_older_ones(tables):
    know(tables, [(1, ago(3), ago(1), None)])
    assert [called(tables, details_due.has_details, ago(back)) for back in (0, 1, 2)] == [True, False, False]


@pytest.mark.parametrize(("gone", "requested", "plausible"), [(20, 0, True), (21, 2099, False), (21, 2100, True)])
def test_removals_are_plausible_up_to_twenty_or_one_percent(gone, requested, plausible):
    assert details_due.Removals(requested, frozenset(range(gone))).are_plausible is plausible
