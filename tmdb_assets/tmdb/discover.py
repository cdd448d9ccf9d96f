"""Films by popularity, page by page: GET /discover/movie. Other lists with pages are crawled by the same functions.

Reference: https://developer.themoviedb.org/reference/discover-movie
"""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tmdb_assets.tmdb.errors import TmdbError, UnreachableError, UnreadableAnswerError, missing_endpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping

    from tmdb_assets.tmdb.client import TmdbClient
    from tmdb_assets.tmdb.payload import Answer

Key = TypeVar("Key")

PATH = "/discover/movie"
# TMDb refuses page 501, even where total_pages is higher.
MAX_PAGES = 500


@dataclass(frozen=True)
class DiscoverPage:
    """One page: `results` as TMDb sent them, unvalidated; `fetched_at` is aware, in UTC.

    `error` says why the page could not be fetched or read; `results` is then empty. `total_pages` and `total_results`
    are what this page reports, 0 where it reports nothing; they can differ from page to page.
    """

    page: int
    results: list[Any]
    total_pages: int
    total_results: int
    fetched_at: dt.datetime
    error: UnreachableError | UnreadableAnswerError | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with the page, or None."""
        return self.error.problem.what if self.error else None

    @property
    def is_answered(self) -> bool:
        """Whether TMDb answered, even if unreadably; False when it did not in all the client's tries."""
        return not isinstance(self.error, UnreachableError)

    def require_answer(self) -> None:
        """Raise `UnreachableError` if TMDb did not answer."""
        if isinstance(self.error, UnreachableError):
            raise self.error


def crawl(
    client: TmdbClient,
    max_pages: int,
    skip: Collection[int] = (),
    *,
    known: int = 0,
    is_tolerant: bool = False,
    path: str = PATH,
    params: Mapping[str, Any] | None = None,
) -> Generator[DiscoverPage]:
    """Yield pages 1 to `max_pages`, as far as they exist and at most 500, in the order they complete.

    `skip` lists pages that are already stored. `known` is the number of pages, if an earlier crawl learned it;
    otherwise the first page is requested first to learn it. Pages added meanwhile are requested too. With `is_tolerant`
    a page that TMDb does not answer is yielded with its `problem`, as long as TMDb answers anything. `path` selects
    another list, `params` (default: those of discover) is its query without the page.

    Raises `UnreachableError`, `UnauthorizedError`, `BadRequestError`.
    """
    last = min(max_pages, MAX_PAGES)
    wanted = [page for page in range(1, last + 1) if page not in skip]
    if not wanted:
        return
    query = discover_params(client) if params is None else params
    requested = 0
    if not known:
        page = fetch_page(client, wanted[0], query, path=path)
        page.require_answer()
        # If the first page reports no number of pages, all are requested; those beyond the end are empty.
        known = last if page.problem or (page.results and not page.total_pages) else page.total_pages
        yield page
        requested = wanted[0]
    has_answer = requested > 0
    while rest := [page for page in wanted if requested < page <= known]:
        requested = rest[-1]
        with closing(fetch_pages(client, ((number, number, query) for number in rest), path=path)) as answers:
            for _, page in answers:
                if not is_tolerant:
                    page.require_answer()
                has_answer |= page.is_answered
                # The highest count is used: a page too many costs one request, a page too few loses films.
                known = max(known, page.total_pages)
                yield page
    if requested and not has_answer:  # page 1 shows whether only these pages fail, or TMDb is down
        fetch_page(client, 1, query, path=path).require_answer()


def discover_params(client: TmdbClient) -> dict[str, Any]:
    """Return the query of a discover page without the page: all films, most popular first."""
    return {
        "sort_by": "popularity.desc",
        "include_adult": "false",
        "include_video": "false",
        "language": client.language,
    }


def fetch_page(client: TmdbClient, page: int, params: Mapping[str, Any], *, path: str = PATH) -> DiscoverPage:
    """Request one page, like `fetch_pages`."""
    with closing(fetch_pages(client, [(page, page, params)], path=path)) as pages:
        return next(pages)[1]


def fetch_pages(
    client: TmdbClient, wanted: Iterable[tuple[Key, int, Mapping[str, Any]]], *, path: str = PATH
) -> Generator[tuple[Key, DiscoverPage]]:
    """Request the pages (key, page, params) and yield (key, page) in the order they complete.

    A page that TMDb does not answer, or that cannot be read, is yielded with its `problem`. Raises `UnauthorizedError`,
    `BadRequestError`.
    """
    requests = (((key, page), path, {"page": page, **params}) for key, page, params in wanted)
    # Closed here explicitly: otherwise the traceback of an error would keep the threads working.
    with closing(client.fetch_many(requests)) as answers:
        for (key, page), result in answers:
            if isinstance(result, UnreadableAnswerError | UnreachableError):
                yield key, DiscoverPage(page, [], 0, 0, dt.datetime.now(dt.UTC), result)
            elif isinstance(result, TmdbError):
                raise result
            elif result.status == 404:
                raise missing_endpoint(path)
            else:
                yield key, _page(page, result)


def _page(page: int, answer: Answer) -> DiscoverPage:
    payload = answer.payload if isinstance(answer.payload, dict) else {}
    results = payload.get("results")
    total_pages, total_results = _count(payload.get("total_pages")), _count(payload.get("total_results"))
    error = None
    if not isinstance(results, list):
        results, error = [], UnreadableAnswerError(f"page {page} has no list of results")
    return DiscoverPage(page, results, total_pages, total_results, answer.fetched_at, error)


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0  # more films than that there are not
