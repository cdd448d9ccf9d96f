"""The pages of discover: as many as there are, the broken ones with their problem, and an end to every crawl."""

import datetime as dt

import pytest

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.discover import crawl
from tmdb_assets_tests.cases.client_sample import fetch_threads
from tmdb_assets_tests.fakes.scripted_server import reply


def page(number, total=3, results=None):
    listed = [{"id": number}] if results is None else results
    return {"page": number, "results": listed, "total_pages": total, "total_results": 20 * total}


def discover(server, **pages):
    """Serve discover: `p3=...` is what page 3 answers; every other page is empty."""

    def act(handler):
        number = handler.path.partition("page=")[2].partition("&")[0]
        pages.get(f"p{number}", reply(200, page(int(number), results=[])))(handler)

    server.plays_at("/discover/movie", act)


def test_crawl_asks_as_many_pages_as_there_are(server, connect):
    discover(server, **{f"p{n}": reply(200, page(n)) for n in (1, 2, 3)})
    pages = {page.page: page for page in crawl(connect(), 500)}
    assert sorted(pages) == [1, 2, 3]
    assert (pages[2].results, pages[2].total_pages, pages[2].total_results, pages[2].problem) == (
        [{"id": 2}],
        3,
        60,
        None,
    )
    assert server.paths[0] == (
        "/3/discover/movie?page=1&sort_by=popularity.desc&include_adult=false&include_video=false&language=en-US"
    )
    assert sorted(page.page for page in crawl(connect(), 2)) == [1, 2]
    assert sorted(page.page for page in crawl(connect(), 500, skip={1, 3})) == [2]
    assert list(crawl(connect(), 3, skip=[1, 2, 3])) == []


def test_crawl_follows_a_count_that_grows_and_ignores_one_that_shrinks(server, connect):
    discover(
        server,
        p1=reply(200, page(1, 3)),
        p2=reply(200, page(2, 1)),
        p3=reply(200, page(3, 4)),
        p4=reply(200, page(4, 4)),
    )
    assert sorted(page.page for page in crawl(connect(), 500)) == [1, 2, 3, 4]


def test_crawl_never_asks_page_501(server, connect):
    discover(server, p1=reply(200, page(1, 53_903)))
    assert sorted(page.page for page in crawl(connect(), 600, skip=range(2, 490))) == [1, *range(490, 501)]


def test_crawl_of_nothing(server, connect):
    discover(server, p1=reply(200, {"page": 1, "results": [], "total_pages": 0, "total_results": 0}))
    assert [(page.page, page.results, page.problem) for page in crawl(connect(), 5)] == [(1, [], None)]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (reply(200, b"<html>"), "cannot be read"),
        (reply(200, []), "a JSON list instead of a dict"),
        (reply(200, {"page": 1, "results": None, "total_pages": 3}), "holds no list of results"),
        (reply(200, {"page": 1, "results": {"id": 1}}), "holds no list of results"),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_crawl_yields_a_broken_page_with_its_problem_and_loads_the_rest(server, connect, number, broken, problem):
    good = {f"p{n}": reply(200, page(n)) for n in (1, 2, 3)}
    discover(server, **{**good, f"p{number}": broken})
    pages = {page.page: page for page in crawl(connect(), 3)}
    assert sorted(pages) == [1, 2, 3]
    assert pages[number].results == []
    assert problem in pages[number].problem
    assert [page.problem for other, page in pages.items() if other != number] == [None, None]
    assert pages[number].fetched_at.tzinfo is dt.UTC


def test_crawl_raises_what_ends_the_crawl(server, connect):
    discover(server, p1=reply(200, page(1)), p2=reply(503, {}))
    with pytest.raises(errors.UnreachableError):
        list(crawl(connect(), 3))
    server.plays_at("/discover/movie", reply(404, {}))
    with pytest.raises(errors.BadRequestError, match="ends in /3"):
        list(crawl(connect(), 3))


def test_threads_end_with_a_crawl_that_fails_or_is_abandoned(server, connect):
    pages = {f"p{n}": reply(200, page(n, 300)) for n in range(1, 301)}
    discover(server, **{**pages, "p5": reply(422, {})})
    with pytest.raises(errors.BadRequestError) as caught:
        list(crawl(connect(), 300))
    assert fetch_threads() == []  # while `caught` still holds the frames of the crawl
    assert caught.value.__context__ is None
    abandoned = crawl(connect(), 300)
    assert [next(abandoned).page, next(abandoned).problem] == [1, None]
    abandoned.close()
    assert fetch_threads() == []


def test_crawl_goes_on_where_the_first_page_does_not_count(server, connect):
    discover(server, p1=reply(200, {"results": [{"id": 1}], "total_pages": "many"}), p2=reply(200, page(2)))
    assert {page.page: len(page.results) for page in crawl(connect(), 3)} == {1: 1, 2: 1, 3: 0}
