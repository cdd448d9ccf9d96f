"""The day's films by popularity: discover's pages to `raw_discover`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from itertools import chain, islice
from typing import TypeVar

import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets.fetch.details import INTERRUPTIONS, TOLERATED_SHARE
from tmdb_assets.fetch.step import Fetched, Fetcher, close_crawl, reject
from tmdb_assets.tmdb.discover import MAX_PAGES, DiscoverPage, crawl
from tmdb_assets.tmdb.errors import TmdbError, UnreachableError, UnreadableAnswerError
from tmdb_assets.transforms.conform import Row, conform
from tmdb_assets.transforms.discover import PAGE_SIZE, page_of, parse_page
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, load
from tmdb_assets.warehouse.schema import raw
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns

PAGES_A_BATCH = 25
TOLERATED_PAGES = 3  # pages that may fail before their share decides
Item = TypeVar("Item")
Note = Callable[[sa.Connection, Mapping[int, int]], None]  # of readable pages: number -> rows on it


def fetch_discover(fetcher: Fetcher, max_pages: int) -> Fetched:
    """Ask for the day's discover pages that are not stored yet, and store them.

    A day whose whole catalogue is stored lacks none. A page that fails is set aside for the next run; when more than a
    few percent fail, or TMDb answers nothing, the error is raised. What was answered is stored either way.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with warehouse.fetch_lock(fetcher.say):
        stored, told, is_whole = _read_books(fetcher, fetched)
        last = min(max_pages, MAX_PAGES, told or MAX_PAGES)
        missing = set() if is_whole else set(range(1, last + 1)) - stored
        fetcher.start_counting()
        if not missing:
            rest_complete(fetcher)
            return fetched
        with closing(crawl(fetcher.client, max_pages, skip=stored, known=told, is_tolerant=True)) as pages:
            first = list(islice(pages, 1))  # nothing is written before TMDb answered once
            require_films(first, day)
            with warehouse.begin() as connection:
                fetch_log.open_crawl(connection, day, "discover", refresh=fetcher.refresh, now=partitions.now())
            # The first page tells how many there are.
            total = min(first[0].total_pages or len(missing), len(missing))
            try:
                with fetcher.track("discover pages", total) as advance:

                    def judge(page: DiscoverPage) -> None:
                        advance(1)
                        count_page(fetched, page.page, page)

                    def store(batch: list[DiscoverPage]) -> None:
                        fetched.loaded.add(_store_batch(fetcher, batch, fetched))

                    store_in_batches(chain(first, pages), PAGES_A_BATCH, judge, store)
            except BaseException:
                close_crawl(fetcher, "discover", is_complete=False)
                raise
        end_crawl(fetcher, fetched)
    return fetched


def _read_books(fetcher: Fetcher, fetched: Fetched) -> tuple[set[int], int, bool]:
    """The pages that are stored, how many there are (0: not known), and whether the whole catalogue is stored."""
    if fetcher.refresh:
        return set(), 0, False
    with fetcher.warehouse.begin() as connection:
        fetched.stored_before = fetch_log.count_rows(connection, raw.raw_discover, fetcher.day)
        return (
            fetch_log.finished_pages(connection, fetcher.day, "discover"),
            fetch_log.told_pages(connection, fetcher.day),
            fetch_log.is_catalogue_stored(connection, fetcher.day),
        )


def require_films(first: list[DiscoverPage], day: dt.date) -> None:
    """An empty list is no day: loading it would empty every page that shows the newest day."""
    if first and first[0].page == 1 and not first[0].results and not first[0].problem:
        raise UnreadableAnswerError(
            f"TMDb listed no film at all for {day}, which cannot be. Nothing was written; run again later."
        )


def rest_complete(fetcher: Fetcher) -> None:
    """Say that a day is complete; a run that was killed may have left it open."""
    with fetcher.warehouse.begin() as connection:
        known = fetch_log.find_crawl(connection, fetcher.day, "discover")
    if known is None or not known.is_complete:
        close_crawl(fetcher, "discover", is_complete=True)
    fetcher.say(f"raw_discover: {fetcher.day} is complete, nothing is asked")


def end_crawl(fetcher: Fetcher, fetched: Fetched) -> None:
    """Note that all that was asked for the day is stored, or that pages are left to the next run."""
    if not fetched.failed:
        with fetcher.warehouse.begin() as connection:
            fetch_log.forget_failed_pages(connection, fetcher.day)
    close_crawl(fetcher, "discover", is_complete=not fetched.failed)


def count_page(fetched: Fetched, name: int | str, page: DiscoverPage) -> None:
    """Count a page that was asked; raise when more pages failed than can be left out."""
    fetched.asked += 1
    if page.problem is None:
        return
    fetched.failed[name] = page.problem
    failed = len(fetched.failed)
    if failed > TOLERATED_PAGES and failed > TOLERATED_SHARE * fetched.asked:
        kind = UnreadableAnswerError if page.is_answered else UnreachableError
        raise kind(f"{failed} of {fetched.asked} discover pages asked failed, too many to leave out: {page.problem}")


def store_in_batches(
    pages: Iterable[Item], size: int, judge: Callable[[Item], None], store: Callable[[list[Item]], None]
) -> None:
    """Store pages in batches as they come; what is in hand is stored too when TMDb, `judge` or someone ends it."""
    batch: list[Item] = []

    def flush() -> None:
        if batch:
            store(batch)
            batch.clear()

    try:
        for page in pages:
            batch.append(page)
            judge(page)
            if len(batch) >= size:
                flush()
    except (TmdbError, *INTERRUPTIONS):
        flush()
        raise
    flush()


def _store_batch(fetcher: Fetcher, batch: list[DiscoverPage], fetched: Fetched) -> Loaded:
    told = max(page.total_pages for page in batch)

    def note(connection: sa.Connection, good: Mapping[int, int]) -> None:
        now = partitions.now()
        fetch_log.finish_pages(connection, fetcher.day, "discover", good, now)
        fetch_log.note_told_pages(connection, fetcher.day, told, now)

    return store_pages(fetcher, batch, fetched, note)


def store_pages(
    fetcher: Fetcher, batch: list[DiscoverPage], fetched: Fetched, note: Note, slice_part: str = ""
) -> Loaded:
    """Store a batch of pages, of one slice if it is named, and note the readable ones in the same transaction."""
    # Of a film on two pages, the later answer stays.
    batch = sorted(batch, key=lambda page: (page.fetched_at, page.page))

    def part(row: Row) -> str:
        return f"{slice_part} {page_of(row)}".lstrip()

    rows = [row for page in batch for row in parse_page(page.results, page.page, fetcher.day, page.fetched_at)]
    table = raw.raw_discover
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=part)
    for page in batch:
        if page.problem:
            rule = fetch_log.UNREADABLE if page.is_answered else fetch_log.UNANSWERED
            reject(conformed, {"page": page.page}, rule, page.problem, fetch_log.page_part(page.page, slice_part))
    earlier = fetched.so_far
    # A page that failed stands for its films: so the share of broken rows is that of the pages that were read.
    earlier.received += len(fetched.failed) * (PAGE_SIZE - 1)
    with fetcher.warehouse.begin() as connection:
        loaded = load(
            connection,
            table,
            [conformed],
            day=fetcher.day,
            part=part,
            parts={fetch_log.page_part(page.page, slice_part) for page in batch},
            earlier=earlier,
        )
        fetcher.count(connection, "discover", loaded.received - len(loaded.rejected))
        note(connection, {page.page: len(page.results) for page in batch if not page.problem})
    return loaded
