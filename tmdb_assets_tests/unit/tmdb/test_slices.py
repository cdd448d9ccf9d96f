"""The whole catalogue in slices of release dates: complete within TMDb's limits, with few probes."""

from __future__ import annotations

import datetime as dt
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.slices import Slice, crawl_all
from tmdb_assets_tests.cases.dated_films import CAP, FIRST, LAST, FakeClient, Listing, check, day, films_of, skewed

days = st.integers(FIRST.toordinal(), LAST.toordinal())
clusters = st.lists(
    st.tuples(days, st.integers(1, 20_000), st.integers(1, 9_000)),  # from, days, films
    max_size=12,
)


@settings(max_examples=30)
@given(clusters=clusters, undated=st.integers(0, 50), seed=st.integers(0, 9))
def test_every_dated_film_is_seen_and_no_slice_is_too_large(clusters, undated, seed):
    numbers = random.Random(seed)
    dates: list[int | None] = [None] * undated
    for start, length, films in clusters:
        dates += (min(start + int(numbers.random() ** 2 * length), LAST.toordinal()) for _ in range(films))
    client = FakeClient(Listing(dates), seed=seed)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    ends = check(client, dates, pages)
    # Splitting costs at most two probes per slice.
    assert len(client.asked) - len(pages) <= 2 * len(ends)


@settings(max_examples=20)
@given(
    clusters=clusters,
    cuts=st.lists(st.tuples(days, days), max_size=4),
    seed=st.integers(0, 9),
)
def test_finished_slices_are_not_requested_again(clusters, cuts, seed):
    numbers = random.Random(seed)
    dates = [
        min(start + numbers.randrange(length), LAST.toordinal()) for start, length, n in clusters for _ in range(n)
    ]
    skip = [(dt.date.fromordinal(min(cut)), dt.date.fromordinal(max(cut))) for cut in cuts]
    client = FakeClient(Listing(dates), seed=seed)
    pages = list(crawl_all(client, first=FIRST, last=LAST, skip=skip))
    for gte, lte, _ in client.asked:
        assert not any(a.isoformat() <= lte and gte <= b.isoformat() for a, b in skip)
    wanted = {
        film for film, date in enumerate(dates) if not any(a.toordinal() <= date <= b.toordinal() for a, b in skip)
    }
    unseen = sum(page.unseen for page in pages if page.is_finished)
    assert len(wanted) - len(films_of(pages)) == unseen


@pytest.mark.parametrize("films", [30_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_fewer_than_two_percent_of_requests_are_probes(films):
    dates = skewed(films)
    client = FakeClient(Listing(dates))
    pages, finished, seen = 0, [], set()
    for page in crawl_all(client, first=FIRST, last=LAST):
        pages += 1
        seen |= films_of([page])
        finished += [page.slice] if page.is_finished else []
        assert page.unseen == 0
    assert seen == {film for film, date in enumerate(dates) if date is not None}
    assert len(set(client.asked)) == len(client.asked)
    needed = math.ceil(len(seen) / 20)
    probes = len(client.asked) - pages
    assert probes < 0.005 * needed + 20
    assert len(client.asked) < 1.02 * needed
    assert page.expected_pages == pages
    assert len(finished) < 2.5 * needed / 500 + 12


def test_a_small_catalogue_is_one_slice_without_extra_probes():
    dates = [day(1999)] * 45
    client = FakeClient(Listing(dates))
    pages = list(crawl_all(client))
    assert sorted(client.asked) == [("", "", number) for number in (1, 2, 3)]
    assert {page.slice for page in pages} == {(dt.date.min, dt.date.max)}
    assert [page.is_finished for page in pages] == [False, False, True]
    assert [page.expected_pages for page in pages] == [3, 3, 3]


def test_an_empty_catalogue_is_one_finished_slice():
    client = FakeClient(Listing([]))
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.is_finished, page.page.results, page.unseen, page.expected_pages) == (True, [], 0, 1)


def test_films_of_a_day_beyond_page_500_are_reported_as_unseen():
    dates = [day(2000)] * 12_345 + [day(2000, 1, 2)] * 30 + [day(1980)] * 10
    client = FakeClient(Listing(dates))
    ends = check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))
    assert ends[Slice(dt.date(2000, 1, 1), dt.date(2000, 1, 1))].unseen == 2_345


def test_exactly_500_pages_are_one_slice():
    dates = [day(1990) + i % 3_000 for i in range(CAP)]
    client = FakeClient(Listing(dates))
    assert len(check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))) == 1
    assert len(client.asked) == 500


def test_no_requests_are_sent_if_all_is_skipped():
    client = FakeClient(Listing([day(1999)]))
    middle = dt.date(1950, 6, 1)
    skip = [(middle, LAST), (FIRST, middle), (dt.date(1900, 1, 1), dt.date(1901, 1, 1))]
    assert list(crawl_all(client, first=FIRST, last=LAST, skip=skip)) == []
    assert list(crawl_all(client, first=LAST, last=FIRST)) == []
    assert client.asked == []


def test_a_page_that_appears_while_paging_is_requested_too():
    listing, grown = Listing([day(1999)] * 60), Listing([day(1999)] * 90)
    client = FakeClient(listing)

    def grow(gte, lte, payload):
        client.listing = grown
        return payload

    client.change = grow
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    assert sorted(number for _, _, number in client.asked) == [1, 2, 3, 4, 5]
    assert films_of(pages) == set(range(90))
    assert [page.is_finished for page in pages] == [False] * 4 + [True]
    assert pages[-1].expected_pages == 5


def test_a_first_page_without_a_count_of_pages_is_a_problem():
    unknown = {"total_pages": None, "total_results": None}
    client = FakeClient(Listing([day(1999)] * 45), lambda gte, lte, payload: payload | unknown)
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.page.results, page.is_finished) == ([], False)
    assert "does not say how many films" in page.page.problem
    assert [number for _, _, number in client.asked] == [1, 1, 1]  # requested again, and then left to the next run


def test_a_count_of_pages_that_stops_at_500_does_not_hide_films():
    dates = [day(1990) + i % 3_000 for i in range(25_000)]
    client = FakeClient(
        Listing(dates), lambda gte, lte, payload: payload | {"total_pages": min(500, payload["total_pages"])}
    )
    check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))


def test_slices_that_count_a_film_more_than_they_show_are_finished():
    dates = [day(1990) + i % 3_000 for i in range(15_010)]

    def more(gte, lte, payload):
        return payload | {"total_results": payload["total_results"] + 1}

    client = FakeClient(Listing(dates), more)
    crawl = crawl_all(client, first=FIRST, last=LAST)
    pages = list(crawl)
    assert films_of(pages) == set(range(len(dates)))
    assert {page.slice for page in pages} == {page.slice for page in pages if page.is_finished}
    assert {page.page.problem for page in pages} == {None}
