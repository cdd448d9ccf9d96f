"""The whole catalogue by slices of release dates: complete within TMDb's limits, with few probes, and resumable."""

from __future__ import annotations

import datetime as dt
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.slices import Slice, crawl_all
from tmdb_assets_tests.cases.dated_films import CAP, FIRST, LAST, FakeClient, Listing, check, day, skewed

days = st.integers(FIRST.toordinal(), LAST.toordinal())
clusters = st.lists(
    st.tuples(days, st.integers(1, 20_000), st.integers(1, 9_000)),  # from, days, films
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(clusters=clusters, undated=st.integers(0, 50), seed=st.integers(0, 9))
def test_every_dated_film_is_seen_and_no_slice_is_too_large(clusters, undated, seed):
    numbers = random.Random(seed)
    dates: list[int | None] = [None] * undated
    for start, length, films in clusters:
        dates += (min(start + int(numbers.random() ** 2 * length), LAST.toordinal()) for _ in range(films))
    client = FakeClient(Listing(dates), seed=seed)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    ends = check(client, dates, pages)
    # Each slice costs a page that is not full; splitting costs a probe or two for each slice at most.
    assert len(client.asked) - len(pages) <= 2 * len(ends)


@settings(max_examples=20, deadline=None)
@given(
    clusters=clusters,
    cuts=st.lists(st.tuples(days, days), max_size=4),
    seed=st.integers(0, 9),
)
def test_finished_slices_are_not_asked_again(clusters, cuts, seed):
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
    assert len(wanted) - len({film for page in pages for film in page.page.results}) == unseen


@pytest.mark.parametrize("films", [30_000, 1_000_000])
def test_the_probes_are_under_two_percent(films):
    dates = skewed(films)
    client = FakeClient(Listing(dates))
    pages, finished, seen = 0, [], set()
    for page in crawl_all(client, first=FIRST, last=LAST):
        pages += 1
        seen.update(page.page.results)
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


def test_a_small_catalogue_takes_one_slice_and_no_probe_beyond_it():
    dates = [day(1999)] * 45
    client = FakeClient(Listing(dates))
    pages = list(crawl_all(client, last=LAST))
    assert sorted(client.asked) == [(FIRST.isoformat(), LAST.isoformat(), number) for number in (1, 2, 3)]
    assert {page.slice for page in pages} == {(FIRST, LAST)}
    assert [page.is_finished for page in pages] == [False, False, True]
    assert [page.expected_pages for page in pages] == [3, 3, 3]


def test_no_film_at_all_is_one_finished_slice():
    client = FakeClient(Listing([]))
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.is_finished, page.page.results, page.unseen, page.expected_pages) == (True, [], 0, 1)


def test_a_day_beyond_500_pages_is_read_as_far_as_it_goes_and_said():
    dates = [day(2000)] * 12_345 + [day(2000, 1, 2)] * 30 + [day(1980)] * 10
    client = FakeClient(Listing(dates))
    ends = check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))
    assert ends[Slice(dt.date(2000, 1, 1), dt.date(2000, 1, 1))].unseen == 2_345


def test_exactly_500_pages_are_one_slice():
    dates = [day(1990) + i % 3_000 for i in range(CAP)]
    client = FakeClient(Listing(dates))
    assert len(check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))) == 1
    assert len(client.asked) == 500


def test_everything_skipped_asks_nothing():
    client = FakeClient(Listing([day(1999)]))
    middle = dt.date(1950, 6, 1)
    skip = [(middle, LAST), (FIRST, middle), (dt.date(1900, 1, 1), dt.date(1901, 1, 1))]
    assert list(crawl_all(client, first=FIRST, last=LAST, skip=skip)) == []
    assert list(crawl_all(client, first=LAST, last=FIRST)) == []
    assert client.asked == []


def test_a_crawl_given_up_goes_on_from_its_finished_slices():
    dates = skewed(60_000)
    finished, seen = [], set()
    client = FakeClient(Listing(dates))
    crawl = crawl_all(client, first=FIRST, last=LAST)
    for page in crawl:
        seen.update(page.page.results)
        finished += [page.slice] if page.is_finished else []
        if len(finished) == 3:
            crawl.close()
    asked, again = set(client.asked), FakeClient(Listing(dates))
    for page in crawl_all(again, first=FIRST, last=LAST, skip=finished):
        seen.update(page.page.results)
    assert seen == {film for film, date in enumerate(dates) if date is not None}
    done = {(gte.isoformat(), lte.isoformat()) for gte, lte in finished}
    assert len(done) == 3
    assert not any(request[:2] in done for request in again.asked)
    assert {request[:2] for request in asked} >= done


def test_a_page_that_appears_while_paging_is_asked_too():
    listing, grown = Listing([day(1999)] * 60), Listing([day(1999)] * 90)
    client = FakeClient(listing)

    def grow(gte, lte, payload):
        client.listing = grown
        return payload

    client.change = grow
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    assert sorted(number for _, _, number in client.asked) == [1, 2, 3, 4, 5]
    assert {film for page in pages for film in page.page.results} == set(range(90))
    assert [page.is_finished for page in pages] == [False] * 4 + [True]
    assert pages[-1].expected_pages == 5


@pytest.mark.parametrize("broken", [1, 3])
def test_a_slice_with_an_unreadable_page_is_not_finished(broken):
    dates = [day(1900 + i % 100) + i % 300 for i in range(25_000)]

    def garbage(gte, lte, payload):
        hit = gte <= "1950-06-01" <= lte and payload["total_pages"] <= 500 and payload["page"] == broken
        return UnreadableAnswerError("garbage") if hit else payload

    client = FakeClient(Listing(dates), garbage)
    pages = list(crawl_all(client, first=FIRST, last=LAST))
    (bad,) = [page for page in pages if page.page.problem]
    assert bad.page.page == broken
    assert bad.slice.gte <= dt.date(1950, 6, 1) <= bad.slice.lte
    others = {page.slice for page in pages} - {bad.slice}
    assert others
    assert {page.slice for page in pages if page.is_finished} == others
    # The next run asks for nothing but that slice.
    again = FakeClient(Listing(dates))
    rest = list(crawl_all(again, first=FIRST, last=LAST, skip=others))
    assert {film for page in pages + rest for film in page.page.results} == set(range(len(dates)))
    assert len(again.asked) <= 500


def test_a_first_page_without_a_count_of_pages_is_a_problem():
    client = FakeClient(Listing([day(1999)] * 45), lambda gte, lte, payload: payload | {"total_pages": None})
    (page,) = crawl_all(client, first=FIRST, last=LAST)
    assert (page.page.results, page.is_finished) == ([], False)
    assert "how many pages" in page.page.problem


def test_a_count_of_pages_that_stops_at_500_does_not_hide_films():
    dates = [day(1990) + i % 3_000 for i in range(25_000)]
    client = FakeClient(
        Listing(dates), lambda gte, lte, payload: payload | {"total_pages": min(500, payload["total_pages"])}
    )
    check(client, dates, list(crawl_all(client, first=FIRST, last=LAST)))
