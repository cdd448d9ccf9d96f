"""The day's films by popularity: discover's pages to `raw_discover`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from tmdb_assets.fetch.step import Fetched, Fetcher, reject, store_in_batches, until_midnight
from tmdb_assets.tmdb.discover import MAX_PAGES, crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.listing import Listing
from tmdb_assets.tmdb.pages import DiscoverPage
from tmdb_assets.transforms.discover import PAGE_SIZE, page_name, page_number, page_of, parse_page
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, as_frame, count_rows, load
from tmdb_assets.warehouse.schema import raw

PAGES_A_BATCH = 25
MOST_LACKING = 0.05  # of its pages that a list can lose within a week
TOLERATED_PAGES = 3  # pages that may fail before their share decides


def fetch_discover(fetcher: Fetcher, max_pages: int) -> Fetched:
    """Request the day's discover pages that are not stored yet, and store them.

    A day whose whole catalogue is stored needs no pages. A page that failed or is not believed is left to the next run;
    if more than a few percent fail, or TMDb answers nothing, the error is raised. Answers are stored either way.
    """
    fetched = Fetched(Loaded(raw.raw_discover))
    with until_midnight(fetched), fetcher.turn():
        known = find_stored(fetcher, fetched)
        last, listing = min(max_pages, MAX_PAGES), Listing()
        missing = {*range(1, last + 1)}
        if known:
            stored, missing = known.stored_pages, {*range(1, min(last, known.page_count or last) + 1)}
            seen = stored_films(fetcher, known, stored)
            listing = Listing(page_count=known.page_count, stored=stored, seen=seen)
            missing -= stored
            if not missing and not known.is_complete:
                missing = listing.lacking(last)  # all pages are stored, with too few films
            if known.is_whole_catalogue or not missing:
                rest_complete(fetcher, known)
                return fetched
        skip = known.stored_pages - missing if known else ()
        with closing(crawl(fetcher.client, last, skip=skip, listing=listing, is_tolerant=True)) as pages:
            first = list(islice(pages, 1))  # nothing is written until TMDb has answered
            require_films(first, fetcher.day)
            total = min(first[0].total_pages or len(missing), len(missing))
            with fetcher.crawl("discover") as opened, fetcher.track("discover pages", total) as advance:

                def judge(page: DiscoverPage) -> None:
                    advance(1)
                    count_page(fetched, page.page, page)

                def store(batch: list[DiscoverPage]) -> None:
                    count, listed = listing.page_count, listing.expected(last)
                    note = partial(fetch_log.note_pages, day=fetcher.day, page_count=count, listed=listed)
                    store_pages(fetcher, batch, fetched, note)

                store_in_batches(chain(first, pages), PAGES_A_BATCH, judge, store)
                require_some(fetched, fetcher.day)
                if not fetched.failed and listing.is_complete(last):
                    _doubt_short_list(fetcher, fetched, math.ceil(listing.expected(last) / PAGE_SIZE), last)
                    opened.is_complete = not fetched.failed
    return fetched


def _doubt_short_list(fetcher: Fetcher, fetched: Fetched, pages: int, last: int) -> None:
    """Count the pages as failed by which a list is much shorter than it was in the week before, up to page `last`."""
    with fetcher.warehouse.begin() as connection:
        usual = fetch_log.find_usual_list(connection, fetcher.day)
        due = min(last, usual[1].page_count) if usual else 0
        if usual and due - pages > max(1, MOST_LACKING * due):
            fetched.failed[f"{pages + 1} to {due}"] = (
                f"TMDb's list has {pages} pages, and had {usual[1].page_count} on {usual[0]}"
            )
            fetch_log.note_short_list(connection, fetcher.day, pages, due=due, films=PAGE_SIZE * due)


def stored_films(
    fetcher: Fetcher, crawl: fetch_log.Crawl, stored: Collection[int], span: fetch_log.Span | None = None
) -> dict[int, int]:
    """The films of a crawl's stored pages, or of those of a slice, with their page.

    None where the day has pages of both kinds: then nothing tells which a film came from.
    """
    with fetcher.warehouse.begin() as connection:
        if crawl.stored_pages and fetch_log.has_slices(connection, fetcher.day):
            return {}
        ranks = fetch_log.discovered_ranks(connection, fetcher.day, crawl.number, span)
    return {film: page for film, rank in ranks.items() if (page := page_number(rank)) in stored}


def find_stored(fetcher: Fetcher, fetched: Fetched) -> fetch_log.Crawl | None:
    """Return the day's crawl of earlier runs, None with `refresh`; count its rows in `stored_before`."""
    if fetcher.refresh:
        return None
    with fetcher.warehouse.begin() as connection:
        fetched.stored_before = count_rows(connection, raw.raw_discover, fetcher.day)
        return fetch_log.find_crawl(connection, fetcher.day, "discover")


def require_films(first: list[DiscoverPage], day: dt.date) -> None:
    """Raise `UnreadableAnswerError` for an empty list: a day without films would empty all views of the newest day."""
    if first and first[0].page == 1 and not first[0].results and not first[0].problem:
        raise UnreadableAnswerError(f"TMDb listed no films for {day}, which is impossible", kept="Nothing was written")


def require_some(fetched: Fetched, day: dt.date) -> None:
    """Raise `UnreadableAnswerError` for a day on which no page could be read and believed."""
    if fetched.loaded.received > len(fetched.loaded.rejected) or fetched.stored_before:
        return
    cause = next(iter(fetched.failed.values()), "the list is empty")
    raise UnreadableAnswerError(f"TMDb listed no films for {day} that can be read: {cause}")


def rest_complete(fetcher: Fetcher, known: fetch_log.Crawl) -> None:
    """Log that a day is complete, and close its crawl, which a killed run may have left open."""
    if not known.is_complete:
        fetcher.close_crawl("discover", is_complete=True)
    fetcher.say(f"raw_discover: {fetcher.day} is already complete, no requests needed")


def count_page(fetched: Fetched, name: int | str, page: DiscoverPage) -> None:
    """Count a requested page. Raises the page's error if too many pages have failed; doubtful ones do not count."""
    fetched.requested += 1
    if page.error is None or page.problem is None:
        return
    fetched.failed[name] = page.problem
    if not page.is_doubtful and fetched.has_failed_too_often(TOLERATED_PAGES):
        share = f"{len(fetched.failed)} of {fetched.requested}"
        what = f"{share} discover pages failed, too many to continue: {page.problem}"
        raise type(page.error).of(replace(page.error.problem, what=what))


def store_pages(
    fetcher: Fetcher, batch: list[DiscoverPage], fetched: Fetched, note: Callable[..., None], slice_name: str = ""
) -> None:
    """Store a batch of pages (of one slice, if named) and note the readable ones in the ledger, in one transaction.

    `note` is the ledger's function, called with the connection and `pages`, the numbers of the readable pages.
    """
    # Of a film on two pages, the later answer is kept.
    batch = sorted(batch, key=lambda page: (page.fetched_at, page.page))
    part = partial(page_of, slice_name=slice_name)
    parsed = (row for page in batch for row in parse_page(page.results, page.page, fetcher.day, page.fetched_at))
    frame = as_frame(raw.raw_discover, [row | {"crawl_number": fetcher.crawl_number} for row in parsed], part)
    for page in batch:
        if page.problem:
            rule = fetch_log.UNREADABLE if page.is_answered else fetch_log.UNANSWERED
            rule = fetch_log.DOUBTFUL if page.is_doubtful else rule
            reject(frame, {"page": page.page}, rule, page.problem, page_name(page.page, slice_name))
    earlier = fetched.so_far
    # A failed page counts as its films, so that the share of rejected rows is right.
    earlier.received += len(fetched.failed) * (PAGE_SIZE - 1)
    with fetcher.warehouse.begin() as connection:
        loaded = load(
            connection,
            raw.raw_discover,
            [frame],
            day=fetcher.day,
            part=part,
            parts={page_name(page.page, slice_name) for page in batch},
            earlier=earlier,
        )
        sent = fetcher.take_requests()
        fetch_log.count_fetched(connection, fetcher.day, "discover", requests=sent, rows=loaded.kept)
        note(connection, pages=[page.page for page in batch if not page.problem])
    fetched.loaded.add(loaded)
