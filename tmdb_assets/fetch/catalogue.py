"""The whole catalogue, beyond discover's 500 pages: slices of release dates to `raw_discover`."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import chain, groupby, islice

from tmdb_assets.fetch.discover import (
    MOST_LACKING,
    PAGES_A_BATCH,
    count_page,
    find_stored,
    require_some,
    rest_complete,
    store_pages,
    stored_films,
)
from tmdb_assets.fetch.step import Fetched, Fetcher, store_in_batches, until_midnight
from tmdb_assets.tmdb.errors import UnreadableAnswerError
from tmdb_assets.tmdb.slices import Slice, SlicePage, Span, crawl_all
from tmdb_assets.transforms.discover import PAGE_SIZE, page_name
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded, count_rows
from tmdb_assets.warehouse.schema import raw


def fetch_catalogue(fetcher: Fetcher) -> Fetched:
    """Request every film that has a release date, slice by slice, except pages already stored that day.

    Failed pages are handled as in `fetch_discover`.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with until_midnight(fetched), fetcher.turn():
        known = find_stored(fetcher, fetched)
        if known and known.is_whole_catalogue:
            rest_complete(fetcher, known)
            return fetched
        finished, begun = set[Span](), dict[Span, tuple[int, set[int]]]()
        if known:
            with warehouse.begin() as connection:
                finished, begun = fetch_log.finished_slices(connection, day), fetch_log.begun_slices(connection, day)

        def seen(span: Span) -> dict[int, int]:
            return stored_films(fetcher, known, begun[span][1], span) if known else {}

        with closing(crawl_all(fetcher.client, skip=finished, begun=begun, seen=seen)) as pages:
            first = list(islice(pages, 1))  # nothing is written until TMDb has answered
            with fetcher.crawl("discover") as opened:
                unfinished = _store_all(fetcher, first, chain(first, pages), fetched)
                _require_films(fetcher, fetched)
                with warehouse.begin() as connection:
                    listed = count_rows(connection, raw.raw_discover, day) + fetched.films_missing
                if not fetched.failed and not unfinished:
                    listed = _doubt_short_list(fetcher, fetched, listed)
                    opened.is_complete = not fetched.failed
                complete = opened.is_complete
                with warehouse.begin() as connection:
                    fetch_log.note_listed_films(connection, day, listed, is_whole_catalogue=complete)
    return fetched


def _doubt_short_list(fetcher: Fetcher, fetched: Fetched, listed: int) -> int:
    """The films that the catalogue should have; if those listed are far fewer, all slices are left to the next run."""
    with fetcher.warehouse.begin() as connection:
        usual = fetch_log.find_usual_list(connection, fetcher.day)
        due = usual[1].listed_films if usual and usual[1].is_whole_catalogue else 0
        if usual is None or due - listed <= max(PAGE_SIZE, MOST_LACKING * due):
            return listed
        fetched.failed["all slices"] = f"TMDb lists {listed} films, and listed {due} on {usual[0]}"
        fetch_log.open_crawl(connection, fetcher.day, "discover", refresh=True, now=fetcher.now())
    return due


def _require_films(fetcher: Fetcher, fetched: Fetched) -> None:
    try:
        require_some(fetched, fetcher.day)
    except UnreadableAnswerError:
        with fetcher.warehouse.begin() as connection:  # empty slices must not count as finished
            fetch_log.open_crawl(connection, fetcher.day, "discover", refresh=True, now=fetcher.now())
        raise


def _store_all(fetcher: Fetcher, first: list[SlicePage], pages: chain[SlicePage], fetched: Fetched) -> set[Slice]:
    """Store the pages as they arrive; return the slices that are not finished by them."""
    expected, missing = first[0].expected_pages if first else 0, dict[Slice, int]()
    unfinished = set[Slice]()
    with fetcher.track("discover pages, by release date", expected) as advance:

        def judge(page: SlicePage) -> None:
            advance(1)
            missing[page.slice] = page.missing
            fetched.films_missing = sum(missing.values())
            unfinished.add(page.slice)
            if page.is_finished:
                unfinished.discard(page.slice)
            count_page(fetched, page_name(page.page.page, page.slice.name), page.page)

        def store(batch: list[SlicePage]) -> None:
            for found, group in groupby(sorted(batch, key=lambda page: page.slice), key=lambda page: page.slice):
                _store_slice(fetcher, found, list(group), fetched)

        store_in_batches(pages, PAGES_A_BATCH, judge, store)
    return unfinished


def _store_slice(fetcher: Fetcher, found: Slice, pages: list[SlicePage], fetched: Fetched) -> None:
    note = partial(
        fetch_log.note_slice,
        day=fetcher.day,
        span=found,
        page_count=max(page.slice_pages for page in pages),
        unseen=max(page.unseen for page in pages),
        finished_at=fetcher.now() if any(page.is_finished for page in pages) else None,
    )
    store_pages(fetcher, [page.page for page in pages], fetched, note, found.name)
