"""A catalogue of many small slices for TMDB_PAGES=all, and a hook that counts and changes discover's answers."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import Counter
from collections.abc import Mapping

from tmdb_assets_tests.cases.awkward import catalogue, film
from tmdb_assets_tests.fakes.replay import Fault

DAY = dt.date(2026, 3, 15)
DATED, UNDATED = 1000, 5
# A slice has at most 4 pages here, 500 on TMDb: 1,000 films are many slices.
MOST_PAGES = 4
CROWD = 100  # additional films on a crowded date
START = dt.date(1950, 1, 1)
FILMS = [
    film(1000 + n, release_date=str(START + dt.timedelta(days=27 * n)), popularity=1.0 + n % 50) for n in range(DATED)
] + [film(5000 + n, release_date="", popularity=3.0) for n in range(UNDATED)]
CATALOGUE = ("raw_discover", "raw_export")
Span = tuple[str, str]


def span_of(params: Mapping[str, str]) -> Span:
    """The requested slice; ("", "") for the list of all films by popularity."""
    return params.get("primary_release_date.gte", ""), params.get("primary_release_date.lte", "")


class Discover:
    """A fault hook that counts discover's requests; after `down_after` requests it answers 503.

    Films can be repeated (`repeats`), or be too many on one date (`crowded`).
    """

    def __init__(self) -> None:
        self.catalogue = catalogue(FILMS)
        self.asked: Counter[tuple[Span, int]] = Counter()
        self.down_after: int | None = None
        self.repeats = False
        self.crowded: str | None = None
        self._lock = threading.Lock()

    def __call__(self, path: str, params: Mapping[str, str]) -> Fault | None:
        if path != "/discover/movie":
            return None
        span, page = span_of(params), int(params["page"])
        with self._lock:
            if self.down_after is not None and self.asked.total() >= self.down_after:
                return Fault(status=503)
            self.asked[span, page] += 1
        if not (self.repeats or self.crowded):
            return None
        crowd = [film(8000 + n, release_date=self.crowded) for n in range(CROWD)] if self.crowded else []
        body = catalogue([*FILMS, *crowd]).page(page, *span)
        if self.repeats and page == 2:  # a film more than the page holds: the first film of page 1 is repeated
            first = self.catalogue.page(1, *span)["results"][0]
            body["results"] = [{**first, "popularity": 999.0}, *body["results"]]
        return Fault(body=json.dumps(body).encode())


def spans_of(discover):
    return {span for span, _ in discover.asked}


def parts_of(graph):
    """The finished slices as (first date, last date), and the stored pages of the unfinished ones."""
    found = graph.rows(
        "select case when first_release_date > '0001-01-01' then first_release_date::text else '' end, "
        "case when last_release_date < '9999-12-31' then last_release_date::text else '' end, "
        "finished_at is not null, stored_pages from fetch_slice"
    )
    slices = {(first, last) for first, last, is_finished, _ in found if is_finished}
    return slices, {
        ((first, last), page) for first, last, is_finished, pages in found if not is_finished for page in pages
    }


def finished(graph):
    """The finished slices as (first date, last date)."""
    return parts_of(graph)[0]


def ask_for(graph, pages):
    """Set TMDB_PAGES for later runs."""
    graph.source.settings = graph.source.settings.model_copy(update={"tmdb_pages": pages})
