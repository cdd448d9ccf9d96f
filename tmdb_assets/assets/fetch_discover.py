"""The day's films by popularity: discover's pages to `raw_discover`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from tmdb_assets import partitions
from tmdb_assets.assets.fetching import Fetched, Fetcher, close_crawl, reject
from tmdb_assets.tmdb.discover import DiscoverPage, crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.transforms.conform import Row, conform
from tmdb_assets.transforms.discover import page_of, parse_page
from tmdb_assets.warehouse import books, raw
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.load import Loaded, load

PAGES_A_BATCH = 25


def fetch_discover(fetcher: Fetcher, max_pages: int) -> Fetched:
    """Ask for the day's discover pages that are not stored yet, and store them."""
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            known = books.find_crawl(connection, day, "discover")
            stored = set() if fetcher.refresh else books.finished_pages(connection, day, "discover")
            fetched.stored_before = 0 if fetcher.refresh else books.count_rows(connection, raw.raw_discover, day)
            more_wanted = max_pages > books.wanted_pages(connection, day) == len(stored)
        if known and known.is_complete and not fetcher.refresh and not more_wanted:
            fetcher.say(f"raw_discover: {day} is complete, nothing is asked")
            return fetched
        fetcher.start_counting()
        pages = crawl(fetcher.client, max_pages, skip=stored)
        first = list(islice(pages, 1))  # nothing is written before TMDb answered once
        require_films(first, day)
        with warehouse.begin() as connection:
            open_ = books.open_crawl(connection, day, "discover", refresh=fetcher.refresh, now=partitions.now())
            books.note_part(connection, day, "discover", books.WANTED, 0, max_pages, partitions.now())
        try:
            for batch in _batches(_shown(fetcher, first, pages, max_pages - len(stored)), PAGES_A_BATCH):
                fetched.asked += len(batch)
                fetched.failed |= {page.page: page.problem for page in batch if page.problem}
                fetched.loaded.add(store_pages(fetcher, batch, open_.started_at, fetched.so_far))
        except BaseException:
            close_crawl(fetcher, "discover", is_complete=False)
            raise
        close_crawl(fetcher, "discover", is_complete=not fetched.failed)
    return fetched


def require_films(first: list[DiscoverPage], day: dt.date) -> None:
    """An empty list is no day: loading it would empty every page that shows the newest day."""
    if first and first[0].page == 1 and not first[0].results and not first[0].problem:
        raise UnreadableAnswerError(
            f"TMDb listed no film at all for {day}, which cannot be. Nothing was written; run again later."
        )


def _shown(
    fetcher: Fetcher, first: list[DiscoverPage], rest: Iterator[DiscoverPage], limit: int
) -> Iterator[DiscoverPage]:
    """The pages as they come, shown; the first tells how many there are."""
    total = min(first[0].total_pages, limit) if first and first[0].total_pages else limit
    with fetcher.progress.track("discover pages", total, fetcher.say) as advance:
        for page in chain(first, rest):
            advance(1)
            yield page


def store_pages(
    fetcher: Fetcher, batch: list[DiscoverPage], started_at: dt.datetime, earlier: Loaded, slice_name: str = ""
) -> Loaded:
    """Store a batch of pages in one transaction, and note the readable ones as stored.

    Pages of a slice of release dates are not noted one by one: the slice is, when all of it is stored.
    """
    batch.sort(key=lambda page: page.page)  # of a film on two pages, the later page stays
    prefix = f"{slice_name} " if slice_name else ""

    def part(row: Row) -> str:
        return prefix + page_of(row)

    rows = [row for page in batch for row in parse_page(page.results, page.page, fetcher.day, page.fetched_at)]
    table = raw.raw_discover
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=part)
    for page in batch:
        if page.problem:
            reject(conformed, {"page": page.page}, "page is readable", page.problem, f"{prefix}page {page.page}")
    with fetcher.warehouse.begin() as connection:
        loaded = load(
            connection,
            table,
            [conformed],
            day=fetcher.day,
            parameters={"crawl_started_at": started_at},
            part=part,
            parts={f"{prefix}page {page.page}" for page in batch},
            earlier=earlier,
        )
        fetcher.count(connection, "discover", loaded.received - len(loaded.rejected))
        if not slice_name:
            good = {page.page: len(page.results) for page in batch if not page.problem}
            books.finish_pages(connection, fetcher.day, "discover", good, partitions.now())
    return loaded


def _batches(pages: Iterable[DiscoverPage], size: int) -> Iterator[list[DiscoverPage]]:
    iterator = iter(pages)
    while batch := list(islice(iterator, size)):
        yield batch
