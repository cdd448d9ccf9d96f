"""Four backfills at once on the same films: no deadlock, no lost update, right counts, no mix of two loads."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import parse_movie
from tmdb_assets.warehouse.loading.latest_state import keep_latest
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts, replace_links
from tmdb_assets.warehouse.schema.bridges import bridge_movie_company
from tmdb_assets.warehouse.schema.dimensions import dim_company, dim_date, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows, rows_of
from tmdb_assets_tests.stage.at_once import in_background, together, wait_until_blocked
from tmdb_assets_tests.stage.waiting import PATIENCE_S

DAYS = [dt.date(2026, 7, 30) + dt.timedelta(days=number) for number in range(4)]  # over the end of a month
FILMS, COMPANIES = 200, 12
FACTS = "select movie_id, popularity from fact_movie_daily order by movie_id"


def facts(day: dt.date, popularity: float, *, films: int = FILMS) -> list[Row]:
    rest = {"popularity": popularity, "vote_average": 5.0, "vote_count": 3, "source": "discover"}
    return [{"date_id": day, "movie_id": n, **rest} for n in range(1, films + 1)]


def studio(film: int, number: int) -> int:
    """The film's company on the n-th day."""
    return 1 + (film + number) % COMPANIES


def load_day(warehouse: Warehouse, number: int) -> None:
    """One day as its assets load it, a transaction a table; every other day gives its rows in opposite order."""
    day, step = DAYS[number], -1 if number % 2 else 1
    films = list(range(1, FILMS + 1))[::step]
    fetched_at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    answers = [{"snapshot_date": day, "movie_id": n, "status_code": 200, "fetched_at": fetched_at} for n in films]
    load_rows(warehouse, raw_details, answers, day=day)
    names = [{"company_id": n, "name": f"{n} on {day}", "as_of_date": day} for n in range(1, COMPANIES + 1)]
    load_rows(warehouse, dim_company, names[::step], day=day)
    load_rows(warehouse, dim_movie, [parse_movie({"id": n, "title": f"{n} on {day}"}, day) for n in films], day=day)
    links = [{"movie_id": n, "company_id": studio(n, number)} for n in films]
    replace = partial(replace_links, bridge=bridge_movie_company, day=day)
    load_rows(warehouse, bridge_movie_company, links, day=day, merge=replace)
    with warehouse.begin() as connection:
        frame = as_frame(fact_movie_daily, facts(day, number + 1.0)[::step])
        counts = load(connection, fact_movie_daily, [frame], day=day).counts
        keep_latest(connection, day)
    assert counts in (MergeCounts(inserted=FILMS), MergeCounts(unchanged=FILMS))


@pytest.fixture
def films(warehouse: Warehouse) -> Warehouse:
    """A warehouse with the calendar, the films of no day yet, and the two months."""
    load_rows(warehouse, dim_date, calendar_rows(2026, 2026))
    long_ago = dt.date(2026, 1, 1)
    load_rows(
        warehouse, dim_movie, [{"movie_id": n, "title": "x", "as_of_date": long_ago} for n in range(1, FILMS + 1)]
    )
    for day in DAYS:
        load_rows(warehouse, fact_movie_daily, [], day=day)
    return warehouse


def test_four_days_at_once_end_as_one_after_the_other(films: Warehouse) -> None:
    def backfill(start: int) -> None:
        for step in range(2):  # each day is loaded by two of the four, and each begins at another one
            load_day(films, (start + step) % 4)

    together(*(partial(backfill, start) for start in range(4)))
    newest = DAYS[3]
    assert rows_of(films, "select company_id, name, as_of_date from dim_company order by 1") == [
        (n, f"{n} on {newest}", newest) for n in range(1, COMPANIES + 1)
    ]
    query = "select movie_id, title, as_of_date, details_date from dim_movie order by 1"
    numbers = range(1, FILMS + 1)
    assert rows_of(films, query) == [(n, f"{n} on {newest}", newest, newest) for n in numbers]
    assert rows_of(films, "select movie_id, company_id from bridge_movie_company order by 1, 2") == [
        (n, studio(n, 3)) for n in numbers
    ]
    by_day = "select date_id, count(*), min(popularity), max(popularity) from fact_movie_daily group by 1 order by 1"
    assert rows_of(films, by_day) == [(day, FILMS, n + 1.0, n + 1.0) for n, day in enumerate(DAYS)]
    latest = "select count(*), min(popularity), min(snapshot_date) from movie_latest"
    assert rows_of(films, latest) == [(FILMS, 4.0, newest)]


def load_facts(warehouse: Warehouse, popularity: float, count: int = FILMS) -> MergeCounts:
    return load_rows(warehouse, fact_movie_daily, facts(DAYS[0], popularity, films=count), day=DAYS[0]).counts


def test_of_four_loads_of_one_day_one_is_stored_as_a_whole(films: Warehouse) -> None:
    load_facts(films, 1.0)
    counts = together(*(partial(load_facts, films, value) for value in (1.0, 2.0, 3.0, 4.0)))
    assert len({popularity for _, popularity in rows_of(films, FACTS)}) == 1
    assert all(count in (MergeCounts(updated=FILMS), MergeCounts(unchanged=FILMS)) for count in counts)


def test_a_load_that_waited_for_another_of_its_day_compares_with_what_that_stored(films: Warehouse) -> None:
    load_facts(films, 1.0)
    with films.begin() as connection:
        load(connection, fact_movie_daily, [as_frame(fact_movie_daily, facts(DAYS[0], 2.0))], day=DAYS[0])
        again = in_background(lambda: load_facts(films, 1.0))  # equal to what it sees, until the other commits
        wait_until_blocked(films)
    assert again.result(timeout=PATIENCE_S) == MergeCounts(updated=FILMS)
    assert {popularity for _, popularity in rows_of(films, FACTS)} == {1.0}


@pytest.mark.parametrize(("is_equal", "right"), [(True, (0, 5, 5)), (False, (0, 10, 0))])
def test_rows_that_someone_else_stores_meanwhile_are_counted_correctly(
    is_equal: bool, right: tuple[int, int, int], films: Warehouse
) -> None:
    load_facts(films, 1.0, count=5)  # so that the load compares: rows of its range are stored
    more = facts(DAYS[0], 2.0 if is_equal else 3.0, films=10)[5:]
    with films.begin() as connection:
        connection.execute(fact_movie_daily.insert(), more)  # takes no turn, as a person at psql
        mine = in_background(lambda: load_facts(films, 2.0, count=10))
        wait_until_blocked(films)
    assert mine.result(timeout=PATIENCE_S) == MergeCounts(*right)
    assert rows_of(films, FACTS) == [(n, 2.0) for n in range(1, 11)]


def test_a_day_was_last_loaded_when_its_newest_load_began(films: Warehouse) -> None:
    """The check of the day's figures compares them with the raw answers that came before it.

    A load that ends later still leaves another time, by which forecasts are due.
    """
    with films.begin() as older:
        older.exec_driver_sql("select now()")  # this load begins, and waits
        with films.begin() as newer:
            keep_latest(newer, DAYS[0])
        [(loaded_at,)] = rows_of(films, "select loaded_at from load_day")
        keep_latest(older, DAYS[0])
    assert rows_of(films, "select loaded_at from load_day") == [(loaded_at + dt.timedelta(microseconds=1),)]
