"""A look-alike catalogue of many small slices, from the sandbox's own routes over real HTTP, for TMDB_PAGES=all."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter

from tmdb_assets.tmdb.sandbox import routes
from tmdb_assets_tests.cases.sandbox_sample import FILM

DATED, UNDATED = 1000, 5
# A slice holds at most 4 pages here, where TMDb has 500: so 1,000 films are many slices.
MOST_PAGES = 4
CROWD = 100  # films more on a date that has too many
START = dt.date(1950, 1, 1)
FILMS = [
    {**FILM, "id": 1000 + n, "release_date": str(START + dt.timedelta(days=27 * n)), "popularity": 1 + n % 50}
    for n in range(DATED)
] + [{**FILM, "id": 5000 + n, "release_date": "", "popularity": 3.0} for n in range(UNDATED)]
CATALOGUE = ("raw_discover", "raw_export")
Span = tuple[str, str]


def span_of(query):
    """The slice that is asked for; ("", "") where it is the list of all films by popularity."""
    return query.get("primary_release_date.gte", ""), query.get("primary_release_date.lte", "")


class Discover:
    """The sandbox's discover, counted; from `down_after` requests on it answers 503.

    Films can come twice (`repeats`), or be too many on one date (`crowded`).
    """

    def __init__(self) -> None:
        self.asked: Counter[tuple[Span, int]] = Counter()
        self.down_after: int | None = None
        self.repeats = False
        self.crowded: str | None = None
        self._lock = threading.Lock()

    def __call__(self, catalogue, path, query):
        span, page = span_of(query), int(query["page"])
        with self._lock:
            if self.down_after is not None and self.asked.total() >= self.down_after:
                return 503, {"status_message": "down"}
            self.asked[span, page] += 1
        status, body = routes.discover_movies(catalogue, path, query)
        if self.repeats and page == 2:  # ranks moved while one pages: the first film of page 1 comes again
            first = routes.discover_movies(catalogue, path, {**query, "page": "1"})[1]["results"][0]
            body = {**body, "results": [{**first, "popularity": 999.0}, *body["results"]]}
        if self.crowded and span[0] <= self.crowded <= span[1]:
            body = {**body, "total_results": body["total_results"] + CROWD, "total_pages": body["total_pages"] + 5}
        return status, body


def spans_of(discover):
    return {span for span, _ in discover.asked}


def parts_of(graph):
    """The slices noted as stored, as (first date, last date), and the pages of the unfinished ones."""
    found = graph.rows(
        "select first_release_date::text, last_release_date::text, finished_at is not null, stored_pages "
        "from fetch_slice"
    )
    slices = {(first, last) for first, last, is_finished, _ in found if is_finished}
    return slices, {
        ((first, last), page) for first, last, is_finished, pages in found if not is_finished for page in pages
    }


def finished(graph):
    """The slices noted as stored, as (first date, last date)."""
    return parts_of(graph)[0]


def ask_for(graph, pages):
    """Set TMDB_PAGES for the runs to come."""
    graph.source.settings = graph.source.settings.model_copy(update={"tmdb_pages": pages})
