"""Slices begun by an earlier crawl, and pages that are unreadable or unanswered while others are answered."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.errors import UnreachableError, UnreadableAnswerError
from tmdb_assets.tmdb.slices import crawl_all
from tmdb_assets_tests.cases.dated_films import FIRST, LAST, FakeClient, Listing, day, films_of, skewed

DOWN = UnreachableError("TMDb answers with faults")


def noted(pages):
    """What the ledger would record of these pages: finished slices, and begun ones with their pages."""
    finished = {page.slice for page in pages if page.is_finished}
    begun = {}
    for page in pages:
        if page.slice not in finished and not page.page.problem:
            count, read = begun.get(page.slice, (0, set()))
            begun[page.slice] = max(count, page.slice_pages), read | {page.page.page}
    return finished, begun


def seen_on(pages):
    """What the raw table would hold of these pages: a slice's films with their page."""
    return lambda span: {
        film["id"]: page.page.page for page in pages if page.slice == span for film in page.page.results
    }


def spans(slices):
    return {(gte.isoformat(), lte.isoformat()) for gte, lte in slices}


@settings(max_examples=8)
@given(stops=st.lists(st.integers(0, 900), max_size=4), seed=st.integers(0, 9))
def test_a_stored_page_is_not_requested_again_however_often_a_crawl_ends(stops, seed):
    dates = skewed(14_000, seed=3)
    kept, finished, begun = [], set(), {}
    for stop in [*stops, None]:
        client = FakeClient(Listing(dates), seed=seed)
        crawl = crawl_all(client, first=FIRST, last=LAST, skip=finished, begun=begun, seen=seen_on(kept))
        pages = list(islice(crawl, stop))
        crawl.close()
        stored = {(*spans([page.slice]).pop(), page.page.page) for page in kept}
        assert not stored & set(client.asked)
        assert not {request[:2] for request in client.asked} & spans(finished)
        kept += pages
        newly, still = noted(pages)
        finished |= newly
        merged = {
            key: (max(a, begun.get(key, (0, set()))[0]), b | begun.get(key, (0, set()))[1])
            for key, (a, b) in still.items()
        }
        begun = {key: value for key, value in {**begun, **merged}.items() if key not in finished}
    assert films_of(kept) == {film for film, date in enumerate(dates) if date is not None}
    assert begun == {}


def test_a_begun_slice_resumes_without_its_first_page_and_can_grow():
    dates = [day(1999)] * 100
    client = FakeClient(Listing(dates))
    span = (FIRST, LAST)
    stored = {film: number for number in (1, 3) for film in range(20 * (number - 1), 20 * number)}
    begun = {span: (4, {1, 3})}
    pages = list(crawl_all(client, first=FIRST, last=LAST, begun=begun, seen=lambda _: stored))
    assert sorted(number for _, _, number in client.asked) == [2, 4, 5]
    assert [page.is_finished for page in pages] == [False, False, True]
    assert (pages[-1].slice_pages, pages[-1].expected_pages) == (5, 3)
    again = FakeClient(Listing(dates))
    stored = {film: film // 20 + 1 for film in range(40)}
    begun = {span: (2, {1, 2})}
    assert list(crawl_all(again, first=FIRST, last=LAST, begun=begun, seen=lambda _: stored)) == []
    assert again.asked == []


@pytest.mark.parametrize("films", [0, 1, 20, 40, 55, 60, 75])
@pytest.mark.parametrize("read", [{1, 2, 3}, {1, 2, 4}, {1, 4}, {2}])
def test_a_begun_slice_that_shrank_is_finished(films, read):
    stored = {film: page for page in read for film in range(20 * (page - 1), 20 * page)}
    client = FakeClient(Listing([day(1999)] * films))
    span = (FIRST, LAST)
    pages = list(crawl_all(client, first=FIRST, last=LAST, begun={span: (4, read)}, seen=lambda _: stored))
    assert [page.page.problem for page in pages] == [None] * (4 - len(read))
    assert (pages[-1].is_finished, pages[-1].missing) == (True, 0)
    assert {*stored, *films_of(pages)} >= set(range(films))


@pytest.mark.parametrize("fault", [DOWN, UnreadableAnswerError("garbage")])
@pytest.mark.parametrize("broken", [1, 3])
def test_a_bad_page_has_a_problem_and_the_next_crawl_requests_only_its_slice(broken, fault):
    dates = [day(1900 + i % 100) + i % 300 for i in range(25_000)]

    def fail(gte, lte, payload):
        hit = gte <= "1950-06-01" <= lte and payload["total_pages"] <= 500 and payload["page"] == broken
        return fault if hit else payload

    pages = list(crawl_all(FakeClient(Listing(dates), fail), first=FIRST, last=LAST))
    (bad,) = [page for page in pages if page.page.problem]
    assert (bad.page.page, bad.page.is_answered, bad.page.problem) == (broken, fault is not DOWN, fault.problem.what)
    finished, begun = noted(pages)
    assert finished == {page.slice for page in pages} - {bad.slice}
    again = FakeClient(Listing(dates))
    rest = list(crawl_all(again, first=FIRST, last=LAST, skip=finished, begun=begun, seen=seen_on(pages)))
    assert spans([bad.slice]) == {request[:2] for request in again.asked}
    assert broken == 1 or again.asked == [(*spans([bad.slice]).pop(), broken)]
    assert films_of(pages + rest) == set(range(len(dates)))


def test_the_crawl_ends_if_its_first_request_is_not_answered():
    client = FakeClient(Listing(skewed(30_000)), lambda gte, lte, payload: DOWN)
    with pytest.raises(UnreachableError):
        list(crawl_all(client, first=FIRST, last=LAST))
    assert len(client.asked) == 1


@pytest.mark.parametrize("seed", range(4))
def test_an_outage_ends_the_crawl_at_the_next_probe_after_all_answers_are_read(seed):
    answered = []

    def outage(gte, lte, payload):
        if len(answered) >= 900:
            return DOWN
        answered.append((gte, lte, payload["page"]))
        return payload

    client = FakeClient(Listing(skewed(60_000)), outage, seed=seed)
    pages = []
    with pytest.raises(UnreachableError):
        pages.extend(crawl_all(client, first=FIRST, last=LAST))  # `pages` keeps those before the error
    read = {(*spans([page.slice]).pop(), page.page.page) for page in pages if not page.page.problem}
    probes = {request for request in answered if request[2] == 1}
    assert read | probes == set(answered)
    assert len(client.asked) <= 900 + 500 + 20


def test_the_crawl_ends_if_nothing_of_the_begun_slices_is_answered():
    dates = [day(1999)] * 100
    client = FakeClient(Listing(dates), lambda gte, lte, payload: DOWN)
    crawl = crawl_all(client, first=FIRST, last=LAST, begun={(FIRST, LAST): (5, {1, 3, 4})})
    assert [next(crawl).page.problem, next(crawl).page.problem] == [DOWN.problem.what, DOWN.problem.what]
    with pytest.raises(UnreachableError):
        next(crawl)
    assert [number for _, _, number in client.asked][-1] == 1  # shows whether TMDb answers at all
