"""Days loaded in any order give the same films, links, facts and latest state."""

from __future__ import annotations

import datetime as dt
from functools import partial
from itertools import permutations, product
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import parse_movie
from tmdb_assets.transforms.discover import fact_rows, first_movie_rows
from tmdb_assets.warehouse.ledger import details_due
from tmdb_assets.warehouse.loading.latest_state import keep_latest
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge, replace_links
from tmdb_assets.warehouse.schema.bridges import bridge_movie_genre
from tmdb_assets.warehouse.schema.dimensions import dim_date, dim_genre, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_details, raw_discover
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load, load_rows, rows_of

DAYS = [dt.date(2026, 7, 30), dt.date(2026, 7, 31), dt.date(2026, 8, 1)]  # over the end of a month
ORDERS = list(permutations(range(3)))
KINDS = ["absent", "discover", "details", "gone"]
Event = tuple[str, str]  # what happened to a film on a day, and its title then
FILM = "select title, status, runtime_minutes, as_of_date, details_date, removed_date from dim_movie order by movie_id"

EVENTS = st.tuples(st.sampled_from(KINDS), st.sampled_from("AB"))
EVERY_COURSE = [list(zip(course, "ABA", strict=True)) for course in product(KINDS, repeat=3)]


def load_movie_day(warehouse: Warehouse, films: list[list[Event]], place: int) -> None:
    """Load one day into dim_movie, as its asset does: first from discover, then from details."""
    seen = [(number, *course[place]) for number, course in enumerate(films, start=1) if course[place][0] != "absent"]
    gone = [number for number, kind, _ in seen if kind == "gone"]
    pages = [{"id": number, "title": f"{title}, by discover"} for number, kind, title in seen if kind != "gone"]
    detailed = [
        {"id": number, "title": title, "status": f"status of {title}", "runtime": 90 + place}
        for number, kind, title in seen
        if kind == "details"
    ]
    day = DAYS[place]
    answers = [
        {"snapshot_date": day, "movie_id": film, "status_code": 404, "fetched_at": at_nine(day)} for film in gone
    ]
    load_rows(warehouse, raw_details, answers, day=day)

    def merge_and_mark(connection: sa.Connection) -> MergeCounts:
        counts = merge(connection, dim_movie)
        details_due.mark_removed(connection, day, gone)
        details_due.mark_removed_later(connection, day)
        return counts

    chunks = first_movie_rows(pages, day), [parse_movie(payload, day) for payload in detailed]
    load_rows(warehouse, dim_movie, *chunks, day=day, merge=merge_and_mark)


def expected_film(course: list[Event]) -> tuple[Any, ...] | None:
    """A film's row after three days, computed only from the rule."""
    seen = [place for place in range(3) if course[place][0] in ("discover", "details")]
    if not seen:
        return None
    detailed = [place for place in seen if course[place][0] == "details"]
    gone = [place for place in range(3) if course[place][0] == "gone"]
    as_of = DAYS[seen[-1]]
    removed = DAYS[gone[-1]] if gone and gone[-1] > seen[-1] else None
    if detailed:
        newest = detailed[-1]
        title = course[newest][1]
        return title, f"status of {title}", 90 + newest, as_of, DAYS[newest], removed
    return f"{course[seen[-1]][1]}, by discover", None, None, as_of, None, removed


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(films=EVERY_COURSE)
@given(films=st.lists(st.lists(EVENTS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_a_film_ends_the_same_in_any_order_of_days(warehouse: Warehouse, films: list[list[Event]]) -> None:
    right = [row for row in map(expected_film, films) if row]
    for order in ORDERS:
        with warehouse.begin() as connection:
            connection.exec_driver_sql("truncate dim_movie, raw_details cascade")
        for place in order:
            load_movie_day(warehouse, films, place)
        assert rows_of(warehouse, FILM) == right, order
        load_movie_day(warehouse, films, order[0])  # and a day again changes nothing
        assert rows_of(warehouse, FILM) == right, order


@pytest.mark.parametrize("is_details_first", [True, False])
def test_details_win_over_discover_within_one_load(is_details_first: bool, warehouse: Warehouse) -> None:
    chunks = (
        [parse_movie({"id": 1, "title": "A"}, DAYS[0])],
        first_movie_rows([{"id": 1, "title": "B"}], DAYS[0]),
    )
    load_rows(warehouse, dim_movie, *(chunks if is_details_first else chunks[::-1]), day=DAYS[0])
    assert rows_of(warehouse, "select title, details_date from dim_movie") == [("A", DAYS[0])]


def test_a_films_updated_at_moves_only_with_its_content(warehouse: Warehouse) -> None:
    films = [[("details", "A"), ("discover", "B"), ("gone", "B")]]
    stamp = "select updated_at, inserted_at from dim_movie"
    load_movie_day(warehouse, films, 0)
    first = rows_of(warehouse, stamp)
    load_movie_day(warehouse, films, 1)  # confirms the film, and knows less of it than the details
    assert rows_of(warehouse, stamp) == first
    load_movie_day(warehouse, films, 2)
    assert rows_of(warehouse, stamp)[0][0] > first[0][0]
    assert rows_of(warehouse, stamp)[0][1] == first[0][1]


def at_nine(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(9), dt.UTC)


def load_links(warehouse: Warehouse, place: int, genres: dict[int, list[int]], status: int = 200) -> MergeCounts:
    """Load films, raw answers and links of a day whose details say these genres by film."""
    day = DAYS[place]
    answers = [
        {"snapshot_date": day, "movie_id": film, "status_code": status, "fetched_at": at_nine(day)} for film in genres
    ]
    load_rows(warehouse, raw_details, answers, day=day)
    films = [parse_movie({"id": film, "title": "x"}, day) for film in genres] if status == 200 else []
    load_rows(warehouse, dim_movie, films, day=day)
    ids = sorted({genre for listed in genres.values() for genre in listed})
    load_rows(warehouse, dim_genre, [{"genre_id": genre, "name": None, "as_of_date": day} for genre in ids], day=day)
    links = [{"movie_id": film, "genre_id": genre} for film, listed in genres.items() for genre in listed]
    merge = partial(replace_links, bridge=bridge_movie_genre, day=day)
    return load_rows(warehouse, bridge_movie_genre, links, day=day, merge=merge).counts


def links_of(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows_of(warehouse, "select movie_id, genre_id from bridge_movie_genre order by 1, 2")


def test_links_are_replaced_not_accumulated(warehouse: Warehouse) -> None:
    assert load_links(warehouse, 0, {1: [18, 35], 2: [18]}) == MergeCounts(inserted=3)
    assert load_links(warehouse, 1, {1: [35, 99]}) == MergeCounts(inserted=1, unchanged=1, deleted=1)
    assert links_of(warehouse) == [(1, 35), (1, 99), (2, 18)]
    assert load_links(warehouse, 1, {1: []}) == MergeCounts(deleted=2)
    assert links_of(warehouse) == [(2, 18)]


def test_the_same_links_again_write_nothing(warehouse: Warehouse) -> None:
    load_links(warehouse, 0, {1: [18, 35]})
    query = "select *, xmin::text from bridge_movie_genre order by 1, 2"
    before = rows_of(warehouse, query)
    assert load_links(warehouse, 0, {1: [18, 35]}) == MergeCounts(unchanged=2)
    assert rows_of(warehouse, query) == before


@pytest.mark.parametrize("order", ORDERS)
def test_links_are_those_of_the_newest_details_in_any_order(order: tuple[int, ...], warehouse: Warehouse) -> None:
    days = [{1: [18], 2: [18, 35], 3: [7]}, {1: [35, 99], 2: []}, {1: [18, 80]}]
    for place in order:
        load_links(warehouse, place, days[place])
    assert links_of(warehouse) == [(1, 18), (1, 80), (3, 7)]


def test_a_day_without_an_answer_keeps_the_links(warehouse: Warehouse) -> None:
    load_links(warehouse, 0, {1: [18]})
    assert load_links(warehouse, 1, {1: []}, status=404) == MergeCounts()
    with warehouse.begin() as connection:  # the raw answers of the day were forgotten since
        connection.exec_driver_sql("truncate raw_details")
        merge = partial(replace_links, bridge=bridge_movie_genre, day=DAYS[0])
        load(connection, bridge_movie_genre, [as_frame(bridge_movie_genre, [])], day=DAYS[0], merge=merge)
    assert links_of(warehouse) == [(1, 18)]


def test_a_film_that_answers_and_then_is_not_found_on_the_same_day_keeps_its_links(warehouse: Warehouse) -> None:
    load_links(warehouse, 0, {1: [18, 35]})
    assert load_links(warehouse, 0, {1: []}, status=404) == MergeCounts()
    assert links_of(warehouse) == [(1, 18), (1, 35)]


def test_a_film_whose_details_were_rejected_keeps_its_links(warehouse: Warehouse) -> None:
    load_links(warehouse, 0, {1: [18]})
    answer = {"snapshot_date": DAYS[1], "movie_id": 1, "status_code": 200, "fetched_at": at_nine(DAYS[1])}
    load_rows(warehouse, raw_details, [answer], day=DAYS[1])  # stored, but never reached dim_movie
    merge = partial(replace_links, bridge=bridge_movie_genre, day=DAYS[1])
    load_rows(warehouse, dim_genre, [{"genre_id": 99, "name": None, "as_of_date": DAYS[1]}], day=DAYS[1])
    counts = load_rows(
        warehouse, bridge_movie_genre, [{"movie_id": 1, "genre_id": 99}], day=DAYS[1], merge=merge
    ).counts
    assert counts == MergeCounts()
    assert links_of(warehouse) == [(1, 18)]


@pytest.fixture
def films(warehouse: Warehouse) -> Warehouse:
    """A warehouse with the calendar and three films."""
    load_rows(warehouse, dim_date, calendar_rows(2026, 2026))
    load_rows(warehouse, dim_movie, [{"movie_id": n, "title": "x", "as_of_date": DAYS[0]} for n in (1, 2, 3)])
    return warehouse


def load_facts(warehouse: Warehouse, day: dt.date, *chunks: list[Row]) -> MergeCounts:
    """Load a day's facts and, in the same transaction, the latest state."""
    with warehouse.begin() as connection:
        frames = [as_frame(fact_movie_daily, rows) for rows in chunks]
        counts = load(connection, fact_movie_daily, frames, day=day).counts
        keep_latest(connection, day)
    return counts


def export_rows(day: dt.date, *popularity: tuple[int, float]) -> list[Row]:
    return [{"date_id": day, "movie_id": film, "popularity": value, "source": "export"} for film, value in popularity]


FACTS = "select movie_id, popularity, vote_average, vote_count, source from fact_movie_daily order by date_id, movie_id"
LATEST = "select movie_id, popularity, snapshot_date, vote_average, vote_count, votes_date from movie_latest order by 1"


def test_a_fact_rises_from_export_to_discover_and_never_falls_back(films: Warehouse) -> None:
    day = DAYS[0]
    exported, discovered = export_rows(day, (1, 5.0), (2, 1.0)), fact_rows([(1, 9.0, 7.5, 10, "discover")], day)
    assert load_facts(films, day, exported) == MergeCounts(inserted=2)
    assert load_facts(films, day, discovered) == MergeCounts(updated=1)
    right = [(1, 9.0, 7.5, 10, "discover"), (2, 1.0, None, None, "export")]
    assert rows_of(films, FACTS) == right
    stamps = rows_of(films, "select xmin::text from fact_movie_daily order by 1")
    assert load_facts(films, day, exported) == MergeCounts(unchanged=2)
    assert rows_of(films, FACTS) == right
    assert rows_of(films, "select xmin::text from fact_movie_daily order by 1") == stamps


@pytest.mark.parametrize("is_export_first", [True, False])
def test_discover_wins_over_export_within_one_load(is_export_first: bool, films: Warehouse) -> None:
    chunks = [export_rows(DAYS[0], (1, 5.0)), fact_rows([(1, 9.0, 7.5, 10, "discover")], DAYS[0])]
    load_facts(films, DAYS[0], *(chunks if is_export_first else chunks[::-1]))
    assert rows_of(films, FACTS) == [(1, 9.0, 7.5, 10, "discover")]


@pytest.mark.parametrize("order", ORDERS)
def test_the_latest_state_is_the_same_in_any_order(order: tuple[int, ...], films: Warehouse) -> None:
    days = [
        fact_rows([(1, 3.0, 7.0, 10, "discover"), (2, 1.0, 0.0, 0, "discover")], DAYS[0]),
        [*fact_rows([(1, 5.0, 7.1, 11, "discover")], DAYS[1]), *export_rows(DAYS[1], (2, 2.0), (3, 0.5))],
        export_rows(DAYS[2], (1, 4.0)),
    ]
    for place in (*order, order[0]):
        load_facts(films, DAYS[place], days[place])
    assert rows_of(films, LATEST) == [
        (1, 4.0, DAYS[2], 7.1, 11, DAYS[1]),
        (2, 2.0, DAYS[1], None, 0, DAYS[0]),
        (3, 0.5, DAYS[1], None, None, None),
    ]
    assert rows_of(films, "select date_id, discover_count, export_count from load_day order by 1") == [
        (DAYS[0], 2, 0),
        (DAYS[1], 1, 2),
        (DAYS[2], 0, 1),
    ]


def test_an_older_day_that_changes_the_latest_votes_renews_the_totals(films: Warehouse) -> None:
    top = "select movie_id from top_movie order by rank"
    load_facts(films, DAYS[1], export_rows(DAYS[1], (1, 5.0), (2, 5.0)))
    assert rows_of(films, top) == [(1,), (2,)]
    older = fact_rows([(1, 9.0, 5.0, 10, "discover"), (2, 1.0, 9.0, 10, "discover")], DAYS[0])
    load_facts(films, DAYS[0], older)
    assert rows_of(films, top) == [(2,), (1,)]


def test_the_latest_state_is_rewritten_only_where_it_changes(films: Warehouse) -> None:
    load_facts(films, DAYS[0], fact_rows([(1, 3.0, 7.0, 10, "discover"), (2, 1.0, 5.0, 2, "discover")], DAYS[0]))
    query = "select movie_id, xmin::text from movie_latest order by 1"
    before = rows_of(films, query)
    load_facts(films, DAYS[0], fact_rows([(1, 3.0, 7.0, 10, "discover"), (2, 1.5, 5.0, 2, "discover")], DAYS[0]))
    after = rows_of(films, query)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert rows_of(films, "select popularity from movie_latest order by movie_id") == [(3.0,), (1.5,)]


def test_a_raw_page_of_a_newer_crawl_wins_and_within_one_the_later_page(warehouse: Warehouse) -> None:
    began = [dt.datetime(2026, 7, 30, hour, tzinfo=dt.UTC) for hour in (9, 12)]

    def store(crawl: int, rank: int, popularity: float) -> None:
        row = {"snapshot_date": DAYS[0], "movie_id": 1, "popularity": popularity, "rank": rank, "payload": {}}
        row["fetched_at"] = began[crawl] + dt.timedelta(seconds=rank)
        load_rows(warehouse, raw_discover, [row], day=DAYS[0])

    def stored() -> Any:
        return rows_of(warehouse, "select rank, popularity from raw_discover")

    store(0, 21, 2.0)
    store(0, 20, 1.0)  # an earlier page of the same crawl that came later
    assert stored() == [(21, 2.0)]
    store(0, 41, 3.0)
    assert stored() == [(41, 3.0)]
    store(1, 5, 9.0)
    assert stored() == [(5, 9.0)]
