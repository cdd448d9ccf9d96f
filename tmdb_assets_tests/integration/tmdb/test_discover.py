"""Discover's pages: as many as there are, problems of single pages, resuming, and the end of every crawl."""

import datetime as dt

import pytest

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.discover import crawl
from tmdb_assets.tmdb.listing import Listing
from tmdb_assets_tests.cases.client_sample import by_page, fetch_threads, pages_of
from tmdb_assets_tests.fakes.scripted_server import NOT_FOUND, reply


def page(number, total=3, results=None):
    listed = films(number) if results is None else results
    return {"page": number, "results": listed, "total_pages": total, "total_results": 20 * total}


def films(number):
    return [{"id": 20 * number + place} for place in range(20)]


def serve(server, pages, *, total=3):
    """Serve discover: `pages` maps a page to what answers it; the others up to `total` are full, all beyond empty."""
    server.plays_at(
        "/discover/movie",
        by_page(lambda n: pages.get(n) or page(n, total, None if n <= total else [])),
    )


def test_as_many_pages_are_requested_as_there_are(server, connect):
    serve(server, {})
    pages = {page.page: page for page in crawl(connect(), 500)}
    assert sorted(pages) == [1, 2, 3]
    second = pages[2]
    assert (second.results, second.total_pages, second.total_results, second.problem) == (films(2), 3, 60, None)
    assert server.paths[0] == (
        "/3/discover/movie?page=1&sort_by=popularity.desc&include_adult=false&include_video=false&language=en-US"
    )
    assert sorted(page.page for page in crawl(connect(), 2)) == [1, 2]
    stored = Listing(page_count=3, seen=seen_on(1, 3))
    assert sorted(page.page for page in crawl(connect(), 500, skip={1, 3}, listing=stored)) == [2]
    assert list(crawl(connect(), 3, skip=[1, 2, 3])) == []


def test_a_count_that_grows_is_followed_and_one_that_shrinks_is_requested_again(server, connect):
    serve(server, {2: page(2, 2), 3: page(3, 4), 4: page(4, 4)})
    pages = {page.page: page.problem for page in crawl(connect(), 500)}
    assert sorted(pages) == [1, 2, 3, 4]
    assert set(pages.values()) == {None}  # the films of page 2 count, its total does not
    assert pages_of(server) == [1, 2, 2, 3, 4]


def test_a_known_count_saves_the_request_for_the_first_page(server, connect):
    serve(server, {}, total=6)
    listing = Listing(page_count=6, seen=seen_on(1, 2, 5))
    assert {page.page for page in crawl(connect(), 100, skip={1, 2, 5}, listing=listing)} == {3, 4, 6}
    assert pages_of(server) == [3, 4, 6]
    grown = Listing(page_count=5, seen=seen_on(1, 2, 3, 5))
    assert sorted(page.page for page in crawl(connect(), 100, skip={1, 2, 3, 5}, listing=grown)) == [4, 6]


def test_page_501_is_never_requested(server, connect):
    serve(server, {}, total=53_903)
    stored = Listing(stored=range(2, 490))
    found = crawl(connect(), 600, skip=range(2, 490), listing=stored)
    assert sorted(page.page for page in found) == [1, *range(490, 501)]


def test_an_empty_list_is_one_page(server, connect):
    serve(server, {}, total=0)
    assert [(page.page, page.results, page.problem) for page in crawl(connect(), 5)] == [(1, [], None)]


def seen_on(*numbers):
    """The films of stored pages, with their page."""
    return {film["id"]: number for number in numbers for film in films(number)}


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
    listing = Listing(page_count=6, seen=seen_on(1, 2, 3, 5, 6))
    pages = crawl(connect(), 100, skip={1, 2, 3, 5, 6}, listing=listing, is_tolerant=True)
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
    serve(server, {}, total=300)  # pages come in any order, and the one that fails might come second
    abandoned = crawl(connect(), 300)
    assert [next(abandoned).page, next(abandoned).problem] == [1, None]
    abandoned.close()
    assert fetch_threads() == []


def test_all_pages_are_requested_if_the_first_has_no_count(server, connect):
    serve(server, {1: {"page": 1, "results": films(1), "total_pages": "many"}}, total=2)
    found = {page.page: (len(page.results), page.problem) for page in crawl(connect(), 3)}
    doubt = "page 1 is not believed: it does not say how many films the list has"
    assert found == {1: (0, doubt), 2: (20, None), 3: (0, None)}


# What a page can be instead of page 2 of 3, or all pages instead of themselves, and why it is not believed.
WRONG = {
    "page 1 for every number": (lambda n: page(1), "it says that it is page 1"),
    "page 1 under every number": (lambda n: page(n, results=films(1)), "20 of its films were on page 1"),
    "an empty page": (lambda n: page(n, results=[]), "it has 0 films, and its place in a list of 60 holds 20"),
    "an empty list": (lambda n: page(n, 0, []), "it says that the list has 0 films, and another page 60"),
    "half a page": (lambda n: page(n, results=films(n)[:10]), "it has 10 films, and its place in a list of 60"),
    "one film twenty times": (lambda n: page(n, results=20 * films(n)[:1]), "it has 1 films, and its place"),
    "every film twice": (lambda n: page(n, results=2 * films(n)), "it has 40 entries, and a page holds 20"),
    "no number": (lambda n: {**page(n), "page": None}, "it does not say which page it is"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_page_that_is_not_believed_is_requested_again_and_has_a_problem(server, connect, name):
    wrong, cause = WRONG[name]
    serve(server, {2: wrong(2)})
    listing = Listing()
    pages = {page.page: page for page in crawl(connect(), 500, listing=listing)}
    assert sorted(pages) == [1, 2, 3]
    assert [number for number, page in pages.items() if page.problem] == [2]
    assert pages[2].problem.startswith(f"page 2 is not believed: {cause}")
    missing = 20 - len({film["id"] for film in pages[2].results})  # what is sound of a page is kept
    assert missing == {"half a page": 10, "one film twenty times": 19, "every film twice": 0}.get(name, 20)
    assert (listing.is_complete(500), listing.missing(500), listing.expected(500)) == (False, missing, 60)
    assert pages_of(server) in ([1, 2, 2, 3], [1, 1, 2, 2, 3])  # a copied page can be the wrong one, too
    # The next crawl goes on with it.
    serve(server, {})
    resumed = Listing(page_count=3, seen=seen_on(1, 3))
    assert [page.page for page in crawl(connect(), 500, skip={1, 3}, listing=resumed)] == [2]
    assert resumed.is_complete(500)


def test_a_page_that_was_wrong_once_is_not_missing(server, connect):
    asked = []

    def answer(number):
        asked.append(number)
        return page(number, results=films(1 if number > 1 and asked.count(number) == 1 else number))

    server.plays_at("/discover/movie", by_page(answer))
    listing = Listing()
    found = {film["id"] for page in crawl(connect(), 500, listing=listing) for film in page.results}
    assert found == set(range(20, 80))
    assert listing.is_complete(500)


def test_counts_as_texts_are_read(server, connect):
    serve(server, {n: {**page(n), "page": str(n), "total_pages": "3", "total_results": "60"} for n in (1, 2, 3)})
    assert sorted((page.page, page.problem) for page in crawl(connect(), 500)) == [(1, None), (2, None), (3, None)]


def test_more_films_than_pages_are_told_are_requested(server, connect):
    serve(server, {n: page(n) | {"total_pages": 1} for n in (1, 2, 3)})
    assert sorted(page.page for page in crawl(connect(), 500)) == [1, 2, 3]


def drifting(number, moved):
    """A page of 500, before which the last `moved(number)` films of the page before moved on to it."""
    first = 20 * number - sum(map(moved, range(2, number + 1)))
    return page(number, 500, [{"id": film} for film in range(first, first + 20)])


def test_drift_as_recorded_needs_no_request_more(server, connect):
    # 248 repeats in 10,000, at most 4 of a page.
    server.plays_at("/discover/movie", by_page(lambda n: drifting(n, lambda n: 4 if n % 8 == 0 else 0)))
    listing = Listing()
    assert sum(len(page.results) for page in crawl(connect(), 500, listing=listing)) == 10_000
    assert pages_of(server) == list(range(1, 501))
    assert (listing.is_complete(500), listing.missing(500)) == (True, 248)


def test_more_repeats_than_drift_explains_are_missing_films(server, connect):
    server.plays_at("/discover/movie", by_page(lambda n: drifting(n, lambda n: 9)))
    listing = Listing()
    pages = {page.page for page in crawl(connect(), 5, listing=listing)}
    assert pages == {1, 2, 3, 4, 5}
    assert (listing.is_complete(5), listing.missing(5), listing.expected(5)) == (False, 36, 100)
    assert 5 < len(server.paths) <= 15


@pytest.mark.parametrize("total", [0, 5, 6000])
@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_an_odd_total_is_requested_again_and_costs_no_film(server, connect, total, wrong):
    odd = {"total_results": total, "total_pages": total // 20}
    serve(server, {wrong: page(wrong) | odd})
    listing = Listing()
    pages = {page.page: page for page in crawl(connect(), 500, listing=listing)}
    assert {film["id"] for page in pages.values() for film in page.results} == set(range(20, 80))
    assert (listing.is_complete(500), listing.missing(500), listing.expected(500)) == (True, 0, 60)
    assert (listing.page_count, pages_of(server).count(wrong) > 1) == (3, True)
    assert len(server.paths) < 30  # those under way when the third page shows that there are no more


def test_a_first_page_that_tells_of_more_films_than_all_others_is_the_doubtful_one(server, connect):
    serve(server, {1: page(1, 110)}, total=100)
    listing = Listing()
    assert {page.problem for page in crawl(connect(), 500, listing=listing)} == {None}
    assert (listing.is_complete(500), listing.expected(500)) == (True, 2000)
    assert len(server.paths) <= 111


def test_a_list_of_one_page_that_tells_of_more(server, connect):
    serve(
        server,
        {
            1: page(1) | {"total_results": 6000, "results": films(1)[:15]},
            **{n: page(n, results=[]) | {"total_results": 15, "total_pages": 1} for n in range(2, 301)},
        },
    )
    listing = Listing()
    found = {film["id"] for page in crawl(connect(), 500, listing=listing) for film in page.results}
    assert (len(found), listing.is_complete(500), listing.expected(500), listing.page_count) == (15, True, 15, 1)
    assert len(server.paths) < 30


@pytest.mark.parametrize(("kept", "is_complete"), [(19, True), (17, True), (15, False)])
def test_a_page_that_lacks_a_few_films_is_requested_again_and_kept(server, connect, kept, is_complete):
    serve(server, {2: page(2, results=films(2)[:kept])})
    listing = Listing()
    pages = {page.page: page for page in crawl(connect(), 500, listing=listing)}
    assert len(pages[2].results) == kept
    assert (listing.is_complete(500), listing.missing(500)) == (is_complete, 20 - kept)
    assert pages_of(server) == [1, 2, 2, 3]


@pytest.mark.parametrize("short", [films(1)[:4], []], ids=["a copy", "empty"])
def test_a_short_last_page_that_holds_nothing_new_is_not_believed(server, connect, short):
    numbers = {1: films(1), 2: short}
    server.plays_at("/discover/movie", by_page(lambda n: page(n, 2, numbers[n]) | {"total_results": 24}))
    listing = Listing()
    pages = {page.page: page for page in crawl(connect(), 500, listing=listing)}
    assert (pages[2].results, bool(pages[2].problem)) == ([], True)
    assert (listing.is_complete(500), listing.missing(500)) == (False, 4)
