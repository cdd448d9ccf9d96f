"""Discover's pages: as many as there are, problems of single pages, resuming, and the end of every crawl."""

import datetime as dt

import pytest

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.discover import crawl
from tmdb_assets_tests.cases.client_sample import by_page, fetch_threads, pages_of
from tmdb_assets_tests.fakes.scripted_server import NOT_FOUND, reply


def page(number, total=3, results=None):
    listed = [{"id": number}] if results is None else results
    return {"page": number, "results": listed, "total_pages": total, "total_results": 20 * total}


def serve(server, pages, *, total=3):
    """Serve discover: `pages` maps a page to what answers it; the others up to `total` have a film, all beyond none."""
    server.plays_at(
        "/discover/movie",
        by_page(lambda n: pages.get(n) or page(n, total, None if n <= total else [])),
    )


def test_as_many_pages_are_requested_as_there_are(server, connect):
    serve(server, {})
    pages = {page.page: page for page in crawl(connect(), 500)}
    assert sorted(pages) == [1, 2, 3]
    second = pages[2]
    assert (second.results, second.total_pages, second.total_results, second.problem) == ([{"id": 2}], 3, 60, None)
    assert server.paths[0] == (
        "/3/discover/movie?page=1&sort_by=popularity.desc&include_adult=false&include_video=false&language=en-US"
    )
    assert sorted(page.page for page in crawl(connect(), 2)) == [1, 2]
    assert sorted(page.page for page in crawl(connect(), 500, skip={1, 3})) == [2]
    assert list(crawl(connect(), 3, skip=[1, 2, 3])) == []


def test_a_count_that_grows_is_followed_and_one_that_shrinks_is_not(server, connect):
    serve(server, {2: page(2, 1), 3: page(3, 4), 4: page(4, 4)})
    assert sorted(page.page for page in crawl(connect(), 500)) == [1, 2, 3, 4]


def test_a_known_count_saves_the_request_for_the_first_page(server, connect):
    serve(server, {}, total=6)
    assert {page.page for page in crawl(connect(), 100, skip={1, 2, 5}, known=6)} == {3, 4, 6}
    assert pages_of(server) == [3, 4, 6]
    assert sorted(page.page for page in crawl(connect(), 100, skip={1, 2, 3, 5}, known=5)) == [4, 6]  # it has grown


def test_page_501_is_never_requested(server, connect):
    serve(server, {1: page(1, 53_903)})
    assert sorted(page.page for page in crawl(connect(), 600, skip=range(2, 490))) == [1, *range(490, 501)]


def test_an_empty_list_is_one_page(server, connect):
    serve(server, {}, total=0)
    assert [(page.page, page.results, page.problem) for page in crawl(connect(), 5)] == [(1, [], None)]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (reply(200, b"<html>"), "cannot be read"),
        (reply(200, []), "a JSON list instead of a dict"),
        (reply(200, {"page": 1, "results": None, "total_pages": 3}), "has no list of results"),
        (reply(200, {"page": 1, "results": {"id": 1}}), "has no list of results"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_a_broken_page_has_a_problem_and_the_others_are_read(server, connect, number, broken, problem):
    serve(server, {number: broken})
    pages = {page.page: page for page in crawl(connect(), 3)}
    assert sorted(pages) == [1, 2, 3]
    assert (pages[number].results, pages[number].is_answered) == ([], True)
    assert problem in pages[number].problem
    assert [page.problem for other, page in pages.items() if other != number] == [None, None]
    assert pages[number].fetched_at.tzinfo is dt.UTC


def test_an_unanswered_page_ends_the_crawl_or_has_a_problem(server, connect):
    serve(server, {3: reply(503, {})}, total=6)
    with pytest.raises(errors.UnreachableError):
        list(crawl(connect(), 100))
    pages = {page.page: page for page in crawl(connect(), 100, is_tolerant=True)}
    assert sorted(pages) == [1, 2, 3, 4, 5, 6]
    assert [number for number, page in pages.items() if not page.is_answered] == [3]
    assert (pages[3].results, "answers with faults" in pages[3].problem) == ([], True)
    server.plays_at("/discover/movie", reply(404, NOT_FOUND))
    with pytest.raises(errors.BadRequestError, match="ends in /3"):
        list(crawl(connect(), 3))


def test_the_first_page_of_a_day_must_be_answered(server, connect):
    serve(server, {1: reply(503, {})})
    with pytest.raises(errors.UnreachableError):
        list(crawl(connect(), 100, is_tolerant=True))
    assert set(pages_of(server)) == {1}


@pytest.mark.parametrize("is_down", [True, False])
def test_if_no_page_is_answered_page_1_shows_whether_tmdb_is_down(server, connect, is_down):
    serve(server, {n: reply(503, {}) for n in ((1, 4) if is_down else (4,))}, total=6)
    pages = crawl(connect(), 100, skip={1, 2, 3, 5, 6}, known=6, is_tolerant=True)
    assert not next(pages).is_answered
    if is_down:
        with pytest.raises(errors.UnreachableError):
            next(pages)
    else:
        assert list(pages) == []
    assert set(pages_of(server)) == {1, 4}


def test_threads_end_with_a_crawl_that_fails_or_is_abandoned(server, connect):
    serve(server, {5: reply(422, {})}, total=300)
    with pytest.raises(errors.BadRequestError) as caught:
        list(crawl(connect(), 300))
    assert fetch_threads() == []  # while `caught` still references the frames of the crawl
    assert caught.value.__context__ is None
    abandoned = crawl(connect(), 300)
    assert [next(abandoned).page, next(abandoned).problem] == [1, None]
    abandoned.close()
    assert fetch_threads() == []


def test_all_pages_are_requested_if_the_first_has_no_count(server, connect):
    serve(server, {1: {"results": [{"id": 1}], "total_pages": "many"}}, total=2)
    assert {page.page: len(page.results) for page in crawl(connect(), 3)} == {1: 1, 2: 1, 3: 0}
