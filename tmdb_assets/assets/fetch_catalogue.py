"""The whole catalogue, past discover's 500 pages: slices of release dates to `raw_discover`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby, islice

from tmdb_assets import partitions
from tmdb_assets.assets.fetch_discover import PAGES_A_BATCH, store_pages
from tmdb_assets.assets.fetching import Fetched, Fetcher, close_crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.slices import Slice, SlicePage, crawl_all
from tmdb_assets.warehouse import books, raw
from tmdb_assets.warehouse.load import Loaded

LAST_YEARS = 15  # announced films carry dates years ahead


def fetch_catalogue(fetcher: Fetcher) -> Fetched:
    """Ask for every film that has a release date, slice by slice; a slice stored earlier today is not asked again."""
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            known = books.find_crawl(connection, day, "discover")
            skip = set() if fetcher.refresh else books.finished_slices(connection, day)
            fetched.stored_before = 0 if fetcher.refresh else books.count_rows(connection, raw.raw_discover, day)
        if known and known.is_complete and not fetcher.refresh:
            fetcher.say(f"raw_discover: {day} is complete, nothing is asked")
            return fetched
        fetcher.start_counting()
        last = dt.date(day.year + LAST_YEARS, 12, 31)
        with closing(crawl_all(fetcher.client, last=last, skip=skip)) as pages:
            first = list(islice(pages, 1))  # nothing is written before TMDb answered once
            with warehouse.begin() as connection:
                open_ = books.open_crawl(connection, day, "discover", refresh=fetcher.refresh, now=partitions.now())
            try:
                _store_all(fetcher, first, pages, open_.started_at, fetched)
                if not fetched.loaded.received and not fetched.stored_before and not fetched.failed:
                    with warehouse.begin() as connection:  # empty slices must not count as finished
                        books.open_crawl(connection, day, "discover", refresh=True, now=partitions.now())
                    raise UnreadableAnswerError(
                        f"TMDb listed no film at all for {day}, which cannot be. Run again later."
                    )
            except BaseException:
                close_crawl(fetcher, "discover", is_complete=False)
                raise
        close_crawl(fetcher, "discover", is_complete=not fetched.failed)
    return fetched


def _store_all(
    fetcher: Fetcher, first: list[SlicePage], rest: Iterator[SlicePage], started_at: dt.datetime, fetched: Fetched
) -> None:
    batch = first
    expected = first[0].expected_pages if first else 0
    with fetcher.progress.track("discover pages, by release date", expected, fetcher.say) as advance:
        while batch:
            advance(len(batch))
            fetched.asked += len(batch)
            for found, group in groupby(sorted(batch, key=lambda page: page.slice), key=lambda page: page.slice):
                _store_slice_pages(fetcher, found, list(group), started_at, fetched)
            batch = list(islice(rest, PAGES_A_BATCH))


def _store_slice_pages(
    fetcher: Fetcher, found: Slice, pages: list[SlicePage], started_at: dt.datetime, fetched: Fetched
) -> None:
    name = f"slice {found.gte}..{found.lte}"
    fetched.failed |= {f"{name} page {page.page.page}": page.page.problem for page in pages if page.page.problem}
    fetched.loaded.add(store_pages(fetcher, [page.page for page in pages], started_at, fetched.so_far, name))
    unseen = max(page.unseen for page in pages)
    with fetcher.warehouse.begin() as connection:
        if unseen:
            books.note_unseen(connection, fetcher.day, name, unseen, partitions.now())
        if any(page.is_finished for page in pages):
            books.note_part(connection, fetcher.day, "discover", name, 0, 0, partitions.now())
