"""The films of the day by popularity: GET /discover/movie, page by page.

Reference: https://developer.themoviedb.org/reference/discover-movie
"""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tmdb_assets.tmdb.errors import TmdbError, UnreachableError, UnreadableAnswerError, missing_endpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping

    from tmdb_assets.tmdb.client import TmdbClient
    from tmdb_assets.tmdb.payload import Answer

Key = TypeVar("Key")

PATH = "/discover/movie"
# TMDb refuses page 501, whatever its own total_pages says.
MAX_PAGES = 500


@dataclass(frozen=True)
class DiscoverPage:
    """One page: `results` as TMDb sent them, at most 20, of any shape; `fetched_at` aware, in UTC.

    `error` says why a page could not be fetched; its results are then empty. `total_pages` and `total_results` are what
    this page claims, 0 where it claims nothing; they drift from page to page.
    """

    page: int
    results: list[Any]
    total_pages: int
    total_results: int
    fetched_at: dt.datetime
    error: UnreachableError | UnreadableAnswerError | None = None
    removed_characters: int = field(default=0, kw_only=True)

    @property
    def problem(self) -> str | None:
        """What is wrong with the page, or None."""
        return self.error.problem.what if self.error else None

    @property
    def is_answered(self) -> bool:
        """Whether an answer came, be it one that cannot be read; otherwise none came in all the client's tries."""
        return not isinstance(self.error, UnreachableError)

    def require_answer(self) -> None:
        """Raise `UnreachableError` where no answer came."""
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
    """Yield the pages 1 to `max_pages`, as many as there are and at most 500, in the order they complete.

    `skip` names pages that are stored already, `known` is how many pages there are if an earlier crawl was told;
    else the first page, asked alone, tells it. Pages that appear while paging are asked too. With `is_tolerant` a page
    that TMDb does not answer comes with its `problem`, as long as TMDb answers anything. `path` and `params` are as
    for `fetch_pages`.

    Raises `UnreachableError`, `UnauthorizedError`, `BadRequestError`.
    """
    last = min(max_pages, MAX_PAGES)
    wanted = [page for page in range(1, last + 1) if page not in skip]
    if not wanted:
        return
    query = discover_params(client) if params is None else params
    asked = 0
    if not known:
        with closing(fetch_pages(client, wanted[:1], path=path, params=query)) as pages:
            for page in pages:
                # A first page that does not tell the number of pages: all are asked; those beyond the end are empty.
                known = last if page.problem or (page.results and not page.total_pages) else page.total_pages
                yield page
        asked = wanted[0]
    has_answer = asked > 0
    while rest := [page for page in wanted if asked < page <= known]:
        asked = rest[-1]
        with closing(fetch_keyed_pages(client, ((number, number, query) for number in rest), path=path)) as answers:
            for _, page in answers:
                if not is_tolerant:
                    page.require_answer()
                has_answer |= page.is_answered
                # The highest count seen holds: asking one page too many costs nothing, one too few loses films.
                known = max(known, page.total_pages)
                yield page
    if asked and not has_answer:
        require_answer(client, query, path=path)


def require_answer(client: TmdbClient, params: Mapping[str, Any], *, path: str = PATH) -> None:
    """Raise `UnreachableError` when TMDb does not answer page 1 of a list either: then no page is broken, TMDb is."""
    with closing(fetch_pages(client, [1], path=path, params=params)) as pages:
        next(pages)


def discover_params(client: TmdbClient) -> dict[str, Any]:
    """The query of a discover page, but for the page: all films, most popular first."""
    return {
        "sort_by": "popularity.desc",
        "include_adult": "false",
        "include_video": "false",
        "language": client.language,
    }


def fetch_pages(
    client: TmdbClient, pages: Iterable[int], *, path: str = PATH, params: Mapping[str, Any] | None = None
) -> Generator[DiscoverPage]:
    """Yield these pages in the order they complete; one that cannot be read comes with its `problem`.

    Another list of TMDb that comes in pages is named by `path`; `params` (default: those of discover) is the query
    without the page. Raises `UnreachableError`, `UnauthorizedError`, `BadRequestError`.
    """
    query = discover_params(client) if params is None else params
    asked = ((page, page, query) for page in pages)
    with closing(fetch_keyed_pages(client, asked, path=path)) as fetched:
        for _, page in fetched:
            page.require_answer()
            yield page


def fetch_keyed_pages(
    client: TmdbClient, asked: Iterable[tuple[Key, int, Mapping[str, Any]]], *, path: str = PATH
) -> Generator[tuple[Key, DiscoverPage]]:
    """Like `fetch_pages`, for (key, page, params): pages of several lists at once, told apart by their keys.

    A page that TMDb does not answer comes with its `problem` too, and is not `is_answered`. Raises `UnauthorizedError`,
    `BadRequestError`.
    """
    requests = (((key, page), path, {"page": page, **params}) for key, page, params in asked)
    # Closed here and not whenever the last reference goes: an error's traceback would keep the threads at work.
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
        results, error = [], UnreadableAnswerError(f"page {page} holds no list of results")
    return DiscoverPage(
        page,
        results,
        total_pages or 0,
        total_results or 0,
        answer.fetched_at,
        error,
        removed_characters=answer.removed_characters,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
