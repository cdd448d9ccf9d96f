"""Slices begun by an earlier crawl, and pages that TMDb does not answer while it answers others."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.errors import UnreachableError
from tmdb_assets.tmdb.slices import crawl_all
from tmdb_assets_tests.cases.dated_films import FIRST, LAST, FakeClient, Listing, day, skewed

DOWN = UnreachableError("TMDb answers with faults")


def noted(pages):
    """What the books would hold of these pages: finished slices, and begun ones with their pages."""
    finished = {page.slice for page in pages if page.is_finished}
    begun = {}
    for page in pages:
        if page.slice not in finished and not page.page.problem:
            count, read = begun.get(page.slice, (0, set()))
            begun[page.slice] = max(count, page.slice_pages), read | {page.page.page}
    return finished, begun


def films_of(pages):
    return {film for page in pages for film in page.page.results}


def spans(slices):
    return {(gte.isoformat(), lte.isoformat()) for gte, lte in slices}


@settings(max_examples=8, deadline=None)
@given(stops=st.lists(st.integers(0, 900), max_size=4), seed=st.integers(0, 9))
def test_no_page_that_was_stored_is_asked_again_however_often_a_crawl_ends(stops, seed):
    dates = skewed(14_000, seed=3)
    kept, finished, begun = [], set(), {}
    for stop in [*stops, None]:
        client = FakeClient(Listing(dates), seed=seed)
        crawl = crawl_all(client, first=FIRST, last=LAST, skip=finished, begun=begun)
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


def test_a_begun_slice_goes_on_without_its_first_page_and_grows_if_it_grew():
    dates = [day(1999)] * 100
    client = FakeClient(Listing(dates))
    span = (FIRST, LAST)
    pages = list(crawl_all(client, first=FIRST, last=LAST, begun={span: (4, {1, 3})}))
    assert sorted(number for _, _, number in client.asked) == [2, 4, 5]
    assert [page.is_finished for page in pages] == [False, False, True]
    assert (pages[-1].slice_pages, pages[-1].expected_pages) == (5, 3)
    again = FakeClient(Listing(dates))
    assert list(crawl_all(again, first=FIRST, last=LAST, begun={span: (2, {1, 2})})) == []
    assert again.asked == []


@pytest.mark.parametrize("broken", [1, 3])
def test_a_page_that_is_not_answered_comes_with_its_problem_and_the_others_are_read(broken):
    dates = [day(1900 + i % 100) + i % 300 for i in range(25_000)]

    def down(gte, lte, payload):
        hit = gte <= "1950-06-01" <= lte and payload["total_pages"] <= 500 and payload["page"] == broken
        return DOWN if hit else payload

    pages = list(crawl_all(FakeClient(Listing(dates), down), first=FIRST, last=LAST))
    (bad,) = [page for page in pages if page.page.problem]
    assert (bad.page.page, bad.page.is_answered, bad.page.problem) == (broken, False, DOWN.problem.what)
    finished, begun = noted(pages)
    assert finished == {page.slice for page in pages} - {bad.slice}
    again = FakeClient(Listing(dates))
    rest = list(crawl_all(again, first=FIRST, last=LAST, skip=finished, begun=begun))
    assert spans([bad.slice]) == {request[:2] for request in again.asked}
    assert broken == 1 or again.asked == [(*spans([bad.slice]).pop(), broken)]
    assert films_of(pages + rest) == set(range(len(dates)))


def test_nothing_answered_at_all_ends_the_crawl_with_the_first_request():
    client = FakeClient(Listing(skewed(30_000)), lambda gte, lte, payload: DOWN)
    with pytest.raises(UnreachableError):
        list(crawl_all(client, first=FIRST, last=LAST))
    assert len(client.asked) == 1


@pytest.mark.parametrize("seed", range(4))
def test_tmdb_gone_amid_the_crawl_ends_it_at_the_next_probe_with_what_came_read(seed):
    answered = []

    def gone(gte, lte, payload):
        if len(answered) >= 900:
            return DOWN
        answered.append((gte, lte, payload["page"]))
        return payload

    client = FakeClient(Listing(skewed(60_000)), gone, seed=seed)
    pages = []
    with pytest.raises(UnreachableError):
        pages.extend(crawl_all(client, first=FIRST, last=LAST))  # keeps what came before the error
    read = {(*spans([page.slice]).pop(), page.page.page) for page in pages if not page.page.problem}
    probes = {asked for asked in answered if asked[2] == 1}
    assert read | probes == set(answered)
    assert len(client.asked) <= 900 + 500 + 20


def test_begun_slices_of_which_nothing_is_answered_end_the_crawl():
    dates = [day(1999)] * 100
    client = FakeClient(Listing(dates), lambda gte, lte, payload: DOWN)
    crawl = crawl_all(client, first=FIRST, last=LAST, begun={(FIRST, LAST): (5, {1, 3, 4})})
    assert [next(crawl).page.problem, next(crawl).page.problem] == [DOWN.problem.what, DOWN.problem.what]
    with pytest.raises(UnreachableError):
        next(crawl)
    assert [number for _, _, number in client.asked][-1] == 1  # the sign that is asked for
