"""Films by popularity, page by page: GET /discover/movie. Other lists with pages are crawled by the same functions.

Reference: https://developer.themoviedb.org/reference/discover-movie
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from tmdb_assets.tmdb.errors import TmdbError, UnreachableError, UnreadableAnswerError, missing_endpoint
from tmdb_assets.tmdb.listing import Listing
from tmdb_assets.tmdb.pages import DISCOVER, DiscoverPage, ListKind, read_page

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Mapping

    from tmdb_assets.tmdb.client import TmdbClient

Key = TypeVar("Key")

# TMDb refuses page 501, even where total_pages is higher.
MAX_PAGES = 500


def crawl(
    client: TmdbClient,
    max_pages: int,
    skip: Collection[int] = (),
    *,
    listing: Listing | None = None,
    is_tolerant: bool = False,
    params: Mapping[str, Any] | None = None,
) -> Generator[DiscoverPage]:
    """Yield pages 1 to `max_pages`, as far as they exist and at most 500, in the order they complete.

    `skip` lists pages that are already stored. `listing` is what an earlier crawl learned of the list, and names
    another list than discover; without its number of pages the first page is requested first to learn it. Pages added
    meanwhile are requested too. A page that is not believed is requested again, and yielded last with its `problem` if
    that does not help; a page of which another turns out to be a copy, or that lacks films, can be yielded twice. With
    `is_tolerant` a page that TMDb does not answer is yielded with its `problem`, as long as TMDb answers anything.
    `params` (default: those of discover) is the query without the page.

    Raises `UnreachableError`, `UnauthorizedError`, `BadRequestError`.
    """
    last = min(max_pages, MAX_PAGES)
    listing = listing or Listing()
    wanted = [page for page in range(1, last + 1) if page not in skip]
    if not wanted:
        return
    query = discover_params(client) if params is None else params
    crawled = _Crawl(client, listing, query, is_tolerant=is_tolerant)
    known = listing.page_count
    if not known:
        yield from crawled.first_page(wanted[0])
        known = listing.page_count or crawled.hinted_pages(last)
    while rest := [page for page in wanted if crawled.requested < page <= known]:
        yield from crawled.pages(rest)
        # A page too many costs one request, a page too few loses films.
        known = listing.last_page
    yield from listing.settle()
    while again := listing.again(last):
        yield from crawled.pages(again)
        yield from listing.settle()
    yield from listing.close()
    if crawled.requested and not crawled.has_answer:  # page 1 shows whether only these pages fail, or TMDb is down
        fetch_page(client, 1, query, kind=listing.kind).require_answer()


class _Crawl:
    """Requests pages of one list, and yields those that its listing does not hold back."""

    def __init__(self, client: TmdbClient, listing: Listing, query: Mapping[str, Any], *, is_tolerant: bool) -> None:
        self._client, self._listing, self._query, self._is_tolerant = client, listing, query, is_tolerant
        self.has_answer, self.requested = False, 0
        self._first: DiscoverPage | None = None

    def first_page(self, number: int) -> Iterator[DiscoverPage]:
        """Yield the page that shows how many there are; it must be answered."""
        page, self.requested = fetch_page(self._client, number, self._query, kind=self._listing.kind), number
        page.require_answer()
        self._first = page
        yield from self._received(page)

    def hinted_pages(self, last: int) -> int:
        """The number of pages to request after a first page with a problem: one more than it says, else all to `last`.

        Pages beyond the end are empty.
        """
        hint = self._first.total_pages if self._first else 0
        return (hint + 1 if hint else last) if self._first and self._first.problem else 0

    def pages(self, numbers: Iterable[int]) -> Iterator[DiscoverPage]:
        """Yield pages in the order they complete; those beyond the end that others tell are not requested."""
        with closing(fetch_pages(self._client, self._wanted(numbers), kind=self._listing.kind)) as answers:
            for _, page in answers:
                if not self._is_tolerant:
                    page.require_answer()
                yield from self._received(page)

    def _wanted(self, numbers: Iterable[int]) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
        for number in numbers:
            if self._listing.is_beyond(number):
                return
            self.requested = max(self.requested, number)
            yield number, number, self._query

    def _received(self, page: DiscoverPage) -> Iterator[DiscoverPage]:
        self.has_answer |= page.is_answered
        if (judged := self._listing.judge(page)) is not None:
            yield judged


def discover_params(client: TmdbClient) -> dict[str, Any]:
    """Return the query of a discover page without the page: all films, most popular first."""
    return {
        "sort_by": "popularity.desc",
        "include_adult": "false",
        "include_video": "false",
        "language": client.language,
    }


def fetch_page(client: TmdbClient, page: int, params: Mapping[str, Any], *, kind: ListKind = DISCOVER) -> DiscoverPage:
    """Request one page, like `fetch_pages`."""
    with closing(fetch_pages(client, [(page, page, params)], kind=kind)) as pages:
        return next(pages)[1]


def fetch_pages(
    client: TmdbClient, wanted: Iterable[tuple[Key, int, Mapping[str, Any]]], *, kind: ListKind = DISCOVER
) -> Generator[tuple[Key, DiscoverPage]]:
    """Request the pages (key, page, params) and yield (key, page) in the order they complete.

    A page that TMDb does not answer, or that cannot be read or contradicts itself, is yielded with its `problem`.
    Raises `UnauthorizedError`, `BadRequestError`.
    """
    requests = (((key, page), kind.path, {"page": page, **params}) for key, page, params in wanted)
    # Closed here explicitly: otherwise the traceback of an error would keep the threads working.
    with closing(client.fetch_many(requests)) as answers:
        for (key, page), result in answers:
            if isinstance(result, UnreadableAnswerError | UnreachableError):
                yield key, DiscoverPage(page, [], 0, 0, client.now(), result)
            elif isinstance(result, TmdbError):
                raise result
            elif result.status == 404:
                raise missing_endpoint(kind.path)
            else:
                yield key, read_page(kind, page, result)
