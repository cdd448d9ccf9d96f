"""Asking TMDb for a day and storing the answers in batches as they arrive.

An interrupted run loses at most the batch in hand: the next one asks only for what is missing (`fetch_log`, and the
raw rows themselves).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from dagster import DagsterExecutionInterruptedError

from tmdb_assets import partitions
from tmdb_assets.progress import Advance, Progress, Say
from tmdb_assets.tmdb.client import Answer, TmdbClient
from tmdb_assets.tmdb.discover import DiscoverPage, crawl
from tmdb_assets.tmdb.errors import TmdbError, UnreadableAnswerError
from tmdb_assets.transforms.conform import Conformed, Reason, Rejected, conform
from tmdb_assets.transforms.details import film_part, parse_answer
from tmdb_assets.transforms.discover import page_of, parse_page
from tmdb_assets.transforms.reference import KINDS, parse_reference
from tmdb_assets.warehouse import books, raw
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.load import Loaded, load
from tmdb_assets.warehouse.resource import Warehouse

PAGES_A_BATCH = 25
FILMS_A_BATCH = 250
TOLERATED_FAILURES = 20  # films whose details may fail before their share decides
TOLERATED_SHARE = 0.05
REFERENCE_DAYS = 7
INTERRUPTIONS = (KeyboardInterrupt, SystemExit, DagsterExecutionInterruptedError)


@dataclass
class Fetched:
    """What a fetching step stored, and what it could not get (page numbers or film ids, with the cause).

    `stored_before` counts the day's rows of earlier runs: the share of rejected rows is that of the day, so that one
    film asked again and broken again does not stop a day of thousands.
    """

    loaded: Loaded
    asked: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    stored_before: int = 0

    @property
    def so_far(self) -> Loaded:
        """What the next batch is judged together with."""
        received = self.stored_before + self.loaded.received
        return Loaded(self.loaded.table, received, rejected=list(self.loaded.rejected))


@dataclass(frozen=True)
class Fetcher:
    """Everything a fetching step needs."""

    warehouse: Warehouse
    client: TmdbClient
    day: dt.date
    refresh: bool
    progress: Progress
    say: Say


def fetch_discover(fetcher: Fetcher, max_pages: int) -> Fetched:
    """Ask for the day's discover pages that are not stored yet, and store them."""
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_discover))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            known = books.find_crawl(connection, day, "discover")
            stored = set() if fetcher.refresh else books.finished_pages(connection, day, "discover")
            fetched.stored_before = 0 if fetcher.refresh else books.count_rows(connection, raw.raw_discover, day)
        if known and known.is_complete and not fetcher.refresh:
            fetcher.say(f"raw_discover: {day} is complete, nothing is asked")
            return fetched
        before = fetcher.client.stats.requests
        pages = crawl(fetcher.client, max_pages, skip=stored)
        first = list(islice(pages, 1))  # nothing is written before TMDb answered once
        _require_films(first, day)
        with warehouse.begin() as connection:
            open_ = books.open_crawl(connection, day, "discover", refresh=fetcher.refresh, now=partitions.now())
        try:
            for batch in _batches(_shown(fetcher, first, pages, max_pages - len(stored)), PAGES_A_BATCH):
                fetched.asked += len(batch)
                fetched.failed |= {page.page: page.problem for page in batch if page.problem}
                fetched.loaded.add(_store_pages(fetcher, batch, open_.started_at, fetched.so_far))
        except BaseException:
            _close(fetcher, "discover", before, fetched, is_complete=False)
            raise
        _close(fetcher, "discover", before, fetched, is_complete=not fetched.failed)
    return fetched


def _require_films(first: list[DiscoverPage], day: dt.date) -> None:
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


def _store_pages(fetcher: Fetcher, batch: list[DiscoverPage], started_at: dt.datetime, earlier: Loaded) -> Loaded:
    batch.sort(key=lambda page: page.page)  # of a film on two pages, the later page stays
    rows = [row for page in batch for row in parse_page(page.results, page.page, fetcher.day, page.fetched_at)]
    table = raw.raw_discover
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=page_of)
    for page in batch:
        if page.problem:
            _reject(conformed, {"page": page.page}, "page is readable", page.problem, f"page {page.page}")
    with fetcher.warehouse.begin() as connection:
        loaded = load(
            connection,
            table,
            [conformed],
            day=fetcher.day,
            parameters={"crawl_started_at": started_at},
            part=page_of,
            parts={f"page {page.page}" for page in batch},
            earlier=earlier,
        )
        good = {page.page: len(page.results) for page in batch if not page.problem}
        books.finish_pages(connection, fetcher.day, "discover", good, partitions.now())
    return loaded


def fetch_details(fetcher: Fetcher) -> Fetched:
    """Ask for the details of the day's films that are not stored yet, and store them.

    One film's failure is noted and passed over; when more than a few percent fail TMDb counts as unreachable.
    """
    warehouse, day = fetcher.warehouse, fetcher.day
    fetched = Fetched(Loaded(raw.raw_details))
    with warehouse.fetch_lock(fetcher.say):
        with warehouse.begin() as connection:
            listed = books.find_crawl(connection, day, "discover")
            open_ = books.open_crawl(connection, day, "details", refresh=fetcher.refresh, now=partitions.now())
            missing = [] if open_.is_complete else books.films_without_details(connection, day, open_.started_at)
            fetched.stored_before = books.count_rows(connection, raw.raw_discover, day) - len(missing)
        if open_.is_complete:
            fetcher.say(f"raw_details: {day} is complete, nothing is asked")
            return fetched
        before = fetcher.client.stats.requests
        try:
            with fetcher.progress.track("film details", len(missing), fetcher.say) as advance:
                _fetch_films(fetcher, missing, fetched, advance)
        except BaseException:
            _close(fetcher, "details", before, fetched, is_complete=False)
            raise
        # While pages of discover are missing, films may still come that have no details.
        is_complete = listed is not None and listed.is_complete and not fetched.failed
        _close(fetcher, "details", before, fetched, is_complete=is_complete)
    return fetched


FilmAnswer = tuple[int, Answer | TmdbError]


def _fetch_films(fetcher: Fetcher, missing: list[int], fetched: Fetched, advance: Advance) -> None:
    """Store the films' answers in batches; stop, with what came stored, when too many fail or someone interrupts."""
    batch: list[FilmAnswer] = []

    def store() -> None:
        if batch:
            fetched.loaded.add(_store_details(fetcher, batch, fetched))
            batch.clear()

    with closing(fetcher.client.details(missing)) as answers:
        try:
            for movie_id, answer in answers:
                advance(1)
                fetched.asked += 1
                batch.append((movie_id, answer))
                if isinstance(answer, TmdbError):
                    fetched.failed[movie_id] = str(answer)
                    if _too_many_failed(fetched):
                        store()
                        raise answer
                if len(batch) >= FILMS_A_BATCH:
                    store()
        except INTERRUPTIONS:
            store()
            raise
    store()


def _too_many_failed(fetched: Fetched) -> bool:
    failed = len(fetched.failed)
    return failed > TOLERATED_FAILURES and failed > TOLERATED_SHARE * fetched.asked


def _store_details(fetcher: Fetcher, batch: list[FilmAnswer], fetched: Fetched) -> Loaded:
    table, rows, refused = raw.raw_details, [], []
    for movie_id, answer in batch:
        if isinstance(answer, TmdbError):
            continue
        row, rejected = parse_answer(movie_id, answer.status, answer.payload, answer.fetched_at, fetcher.day)
        if rejected:
            refused.append(rejected)
            fetched.failed[movie_id] = f"The answer is not the details of film {movie_id}."
        else:
            rows.append(row)
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=film_part)
    conformed.rejected += refused
    conformed.received += len(refused)
    for movie_id, answer in batch:
        if isinstance(answer, UnreadableAnswerError):
            _reject(conformed, {"movie_id": movie_id}, "answer is readable", str(answer), f"film {movie_id}")
    with fetcher.warehouse.begin() as connection:
        return load(
            connection,
            table,
            [conformed],
            day=fetcher.day,
            part=film_part,
            parts={f"film {movie_id}" for movie_id, _ in batch},
            earlier=fetched.so_far,
        )


def fetch_reference(fetcher: Fetcher) -> Fetched:
    """Ask for TMDb's own lists unless they were asked in the last seven days."""
    table = raw.raw_reference
    fetched = Fetched(Loaded(table))
    questions = {
        "genre": fetcher.client.genres,
        "country": fetcher.client.countries,
        "language": fetcher.client.languages,
    }
    with fetcher.warehouse.fetch_lock(fetcher.say):
        for kind in KINDS:
            with fetcher.warehouse.begin() as connection:
                asked = books.reference_date(connection, kind)
            if asked and not fetcher.refresh and fetcher.day - asked < dt.timedelta(days=REFERENCE_DAYS):
                continue
            before = fetcher.client.stats.requests
            rows = parse_reference(kind, questions[kind]().payload, fetcher.day)
            fetched.asked += 1
            conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=lambda row: row["kind"])
            with fetcher.warehouse.begin() as connection:
                loaded = load(
                    connection, table, [conformed], part=lambda row: row["kind"], parts={kind}, earlier=fetched.loaded
                )
                now = partitions.now()
                requests = fetcher.client.stats.requests - before
                books.note_part(connection, fetcher.day, "reference", kind, requests, len(rows), now)
            fetched.loaded.add(loaded)
    return fetched


def _close(fetcher: Fetcher, kind: str, requests_before: int, fetched: Fetched, *, is_complete: bool) -> None:
    with fetcher.warehouse.begin() as connection:
        books.close_crawl(
            connection,
            fetcher.day,
            kind,
            requests=fetcher.client.stats.requests - requests_before,
            rows=fetched.loaded.received - len(fetched.loaded.rejected),
            finished_at=partitions.now() if is_complete else None,
        )


def _reject(conformed: Conformed, row: dict[str, Any], rule: str, value: str, part: str) -> None:
    conformed.received += 1
    conformed.rejected.append(Rejected(row, (Reason(rule, value),), part))


def _batches(pages: Iterable[DiscoverPage], size: int) -> Iterator[list[DiscoverPage]]:
    iterator = iter(pages)
    while batch := list(islice(iterator, size)):
        yield batch
