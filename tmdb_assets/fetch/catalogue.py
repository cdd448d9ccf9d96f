"""The whole catalogue, past discover's 500 pages: slices of release dates to `raw_discover`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import closing
from itertools import chain, groupby, islice

import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets.fetch.discover import (
    PAGES_A_BATCH,
    count_page,
    end_crawl,
    rest_complete,
    store_in_batches,
    store_pages,
)
from tmdb_assets.fetch.step import Fetched, Fetcher, close_crawl
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.slices import Slice, SlicePage, crawl_all
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.schema import raw

LAST_YEARS = 15  # announced films carry dates years ahead


def fetch_catalogue(fetcher: Fetcher) -> Fetched:
    """Ask for every film that has a release date, slice by slice; pages stored earlier today are not asked again.

    Pages that fail are treated as by `fetch_discover`.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with warehouse.fetch_lock(fetcher.say):
        finished, begun, is_whole = set(), {}, False
        if not fetcher.refresh:
            with warehouse.begin() as connection:
                is_whole = fetch_log.is_catalogue_stored(connection, day)
                finished, begun = fetch_log.finished_slices(connection, day), fetch_log.begun_slices(connection, day)
                fetched.stored_before = fetch_log.count_rows(connection, raw.raw_discover, day)
        fetcher.start_counting()
        if is_whole:
            rest_complete(fetcher)
            return fetched
        last = dt.date(day.year + LAST_YEARS, 12, 31)
        with closing(crawl_all(fetcher.client, last=last, skip=finished, begun=begun)) as pages:
            first = list(islice(pages, 1))  # nothing is written before TMDb answered once
            with warehouse.begin() as connection:
                fetch_log.open_crawl(connection, day, "discover", refresh=fetcher.refresh, now=partitions.now())
            try:
                _store_all(fetcher, first, chain(first, pages), fetched)
                _require_films(fetcher, fetched)
            except BaseException:
                close_crawl(fetcher, "discover", is_complete=False)
                raise
        if not fetched.failed:
            with warehouse.begin() as connection:
                fetch_log.note_part(connection, day, "discover", fetch_log.CATALOGUE, 0, 0, partitions.now())
        end_crawl(fetcher, fetched)
    return fetched


def _require_films(fetcher: Fetcher, fetched: Fetched) -> None:
    if fetched.loaded.received or fetched.stored_before or fetched.failed:
        return
    with fetcher.warehouse.begin() as connection:  # empty slices must not count as finished
        fetch_log.open_crawl(connection, fetcher.day, "discover", refresh=True, now=partitions.now())
    raise UnreadableAnswerError(f"TMDb listed no film at all for {fetcher.day}, which cannot be. Run again later.")


def _store_all(fetcher: Fetcher, first: list[SlicePage], pages: chain[SlicePage], fetched: Fetched) -> None:
    expected = first[0].expected_pages if first else 0
    with fetcher.track("discover pages, by release date", expected) as advance:

        def judge(page: SlicePage) -> None:
            advance(1)
            count_page(fetched, fetch_log.page_part(page.page.page, fetch_log.slice_part(page.slice)), page.page)

        def store(batch: list[SlicePage]) -> None:
            for found, group in groupby(sorted(batch, key=lambda page: page.slice), key=lambda page: page.slice):
                fetched.loaded.add(_store_slice_pages(fetcher, found, list(group), fetched))

        store_in_batches(pages, PAGES_A_BATCH, judge, store)


def _store_slice_pages(fetcher: Fetcher, found: Slice, pages: list[SlicePage], fetched: Fetched) -> Loaded:
    name = fetch_log.slice_part(found)
    unseen = max(page.unseen for page in pages)

    def note(connection: sa.Connection, good: Mapping[int, int]) -> None:
        now = partitions.now()
        if unseen:
            fetch_log.note_unseen(connection, fetcher.day, name, unseen, now)
        if any(page.is_finished for page in pages):
            fetch_log.finish_slice(connection, fetcher.day, found, now)
        else:
            count = max(page.slice_pages for page in pages)
            fetch_log.begin_slice(connection, fetcher.day, found, count, good, now)

    return store_pages(fetcher, [page.page for page in pages], fetched, note, name)
