"""The films that changed on a day: GET /movie/changes.

Reference: https://developer.themoviedb.org/reference/changes-movie-list
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb.discover import MAX_PAGES, crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.listing import Listing
from tmdb_assets.tmdb.pages import CHANGES

if TYPE_CHECKING:
    import datetime as dt

    from tmdb_assets.tmdb.client import TmdbClient


def fetch_changes(client: TmdbClient, day: dt.date) -> set[int]:
    """Return the ids of all films that changed on `day` (UTC).

    One day per call, because TMDb omits entries from longer ranges. Entries whose id is not a positive integer of 64
    bits are skipped; TMDb sends some without one.

    Raises `UnreadableAnswerError` when a page cannot be read or believed, when entries are missing, or when the list is
    longer than the 500 pages that TMDb serves, and `UnreachableError`, `UnauthorizedError`, `BadRequestError`: the set
    is never incomplete.
    """
    changed: set[int] = set()
    listing = Listing(CHANGES)
    params = {"start_date": day.isoformat(), "end_date": day.isoformat()}
    with closing(crawl(client, MAX_PAGES, listing=listing, params=params)) as pages:
        for page in pages:
            if page.problem:
                raise UnreadableAnswerError(f"The list of changes of {day} cannot be read: {page.problem}")
            if page.total_pages > MAX_PAGES:
                raise UnreadableAnswerError(
                    f"TMDb lists {page.total_pages} pages of changes for {day} and serves only {MAX_PAGES}, so some "
                    "changes are missing; these films are requested when they are stale",
                    retry=Retry.NEVER,
                )
            entries = (entry.get("id") for entry in page.results if isinstance(entry, dict))
            changed.update(movie_id for movie_id in entries if type(movie_id) is int and 0 < movie_id < 2**63)
    if not listing.is_complete(MAX_PAGES):
        missing, expected = listing.missing(MAX_PAGES), listing.expected(MAX_PAGES)
        raise UnreadableAnswerError(f"{missing} of the {expected} changes of {day} are on no page of the list")
    return changed
