"""A crawl of discover that goes on where an earlier one ended, and pages that TMDb does not answer."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets.tmdb.client import Answer
from tmdb_assets.tmdb.discover import crawl
from tmdb_assets.tmdb.errors import UnreachableError

TOTAL = 6


class Listing:
    """A client without HTTP: six pages, of which some are not answered."""

    language = "en-US"

    def __init__(self, silent=()):
        self.silent, self.asked = set(silent), []

    def fetch_many(self, requests):
        for key, _path, params in requests:
            page = params["page"]
            self.asked.append(page)
            payload = {"page": page, "results": [{"id": page}], "total_pages": TOTAL, "total_results": 20 * TOTAL}
            if page in self.silent:
                yield key, UnreachableError(f"page {page} is not answered")
            else:
                yield key, Answer(200, payload, dt.datetime.now(dt.UTC))


def test_where_the_number_of_pages_is_known_no_page_is_asked_alone():
    client = Listing()
    pages = list(crawl(client, 100, skip={1, 2, 5}, known=TOTAL))
    assert [page.page for page in pages] == client.asked == [3, 4, 6]
    assert [page.page for page in crawl(Listing(), 100, skip={1, 2, 3, 5}, known=5)] == [4, 6]  # it has grown


def test_a_page_that_is_not_answered_comes_with_its_problem():
    pages = {page.page: page for page in crawl(Listing({3}), 100, is_tolerant=True)}
    assert sorted(pages) == [1, 2, 3, 4, 5, 6]
    assert (pages[3].is_answered, pages[3].problem, pages[3].results) == (False, "page 3 is not answered", [])
    assert all(page.is_answered for number, page in pages.items() if number != 3)
    with pytest.raises(UnreachableError, match="page 3"):
        list(crawl(Listing({3}), 100))


def test_the_first_page_of_a_day_must_be_answered():
    client = Listing({1})
    with pytest.raises(UnreachableError, match="page 1"):
        list(crawl(client, 100, is_tolerant=True))
    assert client.asked == [1]


@pytest.mark.parametrize("is_down", [True, False])
def test_where_no_page_is_answered_page_1_shows_whether_any_is(is_down):
    client = Listing({1, 4} if is_down else {4})
    pages = crawl(client, 100, skip={1, 2, 3, 5, 6}, known=TOTAL, is_tolerant=True)
    assert next(pages).problem == "page 4 is not answered"
    if is_down:
        with pytest.raises(UnreachableError, match="page 1"):
            next(pages)
    else:
        assert list(pages) == []
    assert client.asked == [4, 1]
