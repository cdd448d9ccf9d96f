"""The films that changed on a day: GET /movie/changes.

Reference: https://developer.themoviedb.org/reference/changes-movie-list
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb.discover import MAX_PAGES, crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError

if TYPE_CHECKING:
    import datetime as dt

    from tmdb_assets.tmdb.client import TmdbClient

PATH = "/movie/changes"


def fetch_changes(client: TmdbClient, day: dt.date) -> set[int]:
    """The ids of the films that changed on `day` (UTC), from all pages, however many ids a page holds.

    One day a call, because TMDb leaves entries out of longer spans. Pages that appear while paging are asked too.
    Entries without an id, as TMDb sends some, and ids that are no whole number above 0 are left out.

    The set is complete or there is none: raises `UnreadableAnswerError` when a page cannot be read or the list is
    longer than the 500 pages that TMDb gives, and `UnreachableError`, `UnauthorizedError`, `BadRequestError`.
    """
    changed: set[int] = set()
    params = {"start_date": day.isoformat(), "end_date": day.isoformat()}
    with closing(crawl(client, MAX_PAGES, path=PATH, params=params)) as pages:
        for page in pages:
            if page.problem:
                raise UnreadableAnswerError(f"The changes of {day} are not known: {page.problem}")
            if page.total_pages > MAX_PAGES:
                raise UnreadableAnswerError(
                    f"TMDb lists {page.total_pages} pages of changes for {day} and gives only {MAX_PAGES} of them, so "
                    "some would be missed; films catch up when they are stale",
                    retry=Retry.NEVER,
                )
            entries = (entry.get("id") for entry in page.results if isinstance(entry, dict))
            changed.update(movie_id for movie_id in entries if type(movie_id) is int and movie_id > 0)
    return changed
