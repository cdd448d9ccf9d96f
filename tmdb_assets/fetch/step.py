"""What the fetching steps share: they request a day from TMDb and store the answers in batches as they arrive.

An interrupted run loses at most its last batch; the next run requests only what is missing (`fetch_log`, and the raw
rows). Each step has its own module: `discover`, `catalogue`, `details`, `reference`, `export`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dagster import DagsterExecutionInterruptedError

from tmdb_assets import partitions
from tmdb_assets.fetch.progress import Advance, Progress, Say
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import DayOverError, TmdbError
from tmdb_assets.transforms.conform import Conformed, Reason, Rejected
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.ledger.export_doubt import NOT_CONTRADICTED, Contradicted
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.warehouse import Warehouse

TOLERATED_SHARE = 0.05
INTERRUPTIONS = (KeyboardInterrupt, SystemExit, DagsterExecutionInterruptedError)
Item = TypeVar("Item")


@dataclass
class Fetched:
    """What a fetching step stored, and what failed (pages, films or lists, with the cause).

    `stored_before` counts the day's rows of earlier runs: the share of rejected rows is that of the day, so that one
    broken film, requested again, does not stop a day of thousands. `given_up` says why a step stopped early. Of
    the whole catalogue's films, `films_missing` were on none of its pages. An export `repeats`
    the figures of another day, and names the `contradicted` films with different figures. Of the `answered` films,
    whose details came, `left_out` counts the entries of appended lists that were not stored, `without` the films that
    lack a requested part, `crew` what is stored of it.
    """

    loaded: Loaded
    requested: int = 0
    failed: dict[int | str, str] = field(default_factory=dict)
    stored_before: int = 0
    due: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    skipped: int = 0
    unseen: int | None = None
    answered: int = 0
    crew: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)
    given_up: str | None = None
    films_missing: int = 0
    repeats: dt.date | None = None
    contradicted: Contradicted = NOT_CONTRADICTED

    def has_failed_too_often(self, tolerated: int) -> bool:
        """Whether over 5% of the requests failed, and more than `tolerated`."""
        return len(self.failed) > max(tolerated, TOLERATED_SHARE * self.requested)

    @property
    def so_far(self) -> Loaded:
        """The day's rows so far, with which the next batch is judged."""
        received = self.stored_before + self.loaded.received
        return Loaded(self.loaded.table, received, rejected=list(self.loaded.rejected))


@contextmanager
def until_midnight(fetched: Fetched) -> Iterator[None]:
    """End the block when the day has ended; what came before is stored, and `given_up` says so."""
    try:
        yield
    except DayOverError as error:
        fetched.given_up = error.problem.what


@dataclass
class Fetcher:
    """Everything a fetching step needs; `crawl_number` is that of the open crawl, for the rows fetched in it.

    `clock` is another than that of `partitions` only where the sandbox answers a past day.
    """

    warehouse: Warehouse
    client: TmdbClient
    day: dt.date
    refresh: bool
    progress: Progress
    say: Say
    crawl_number: int = 0
    clock: Callable[[], dt.datetime] | None = None
    _counted: int = 0

    def now(self) -> dt.datetime:
        """The moment at which this step requests, in UTC."""
        return (self.clock or partitions.now)()

    def today(self) -> dt.date:
        """The date of that moment."""
        return self.clock().date() if self.clock else partitions.today()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn (one process per warehouse sends requests), and count requests from here on.

        Requests are sent until the day ends, at midnight UTC.
        """
        with self.warehouse.fetch_lock(self.say):
            self.client.now, self.client.day = self.now, self.day
            self.take_requests()
            yield

    @contextmanager
    def crawl(self, kind: str) -> Iterator[fetch_log.Crawl]:
        """Open the day's crawl of a kind, and close it however the step ends.

        It is complete only if the step succeeded and set `is_complete`; or if it was before a refresh that the end of
        the day cut off.
        """
        with self.warehouse.begin() as connection:
            former = fetch_log.find_completed(connection, self.day, kind) if self.refresh else None
            opened = fetch_log.open_crawl(connection, self.day, kind, refresh=self.refresh, now=self.now())
        self.crawl_number = opened.number
        try:
            yield opened
        except BaseException as error:
            self.close_crawl(kind, is_complete=False)
            if former is not None and isinstance(error, DayOverError):
                with self.warehouse.begin() as connection:
                    fetch_log.put_back(connection, self.day, kind, former)
            raise
        self.close_crawl(kind, is_complete=opened.is_complete)

    def close_crawl(self, kind: str, *, is_complete: bool) -> None:
        """Close a crawl as complete or not, and add the requests not counted yet."""
        with self.warehouse.begin() as connection:
            fetch_log.count_fetched(connection, self.day, kind, requests=self.take_requests(), rows=0)
            fetch_log.close_crawl(connection, self.day, kind, self.now() if is_complete else None)

    def take_requests(self) -> int:
        """Return the number of requests sent since the last call."""
        before, self._counted = self._counted, self.client.stats.requests
        return self._counted - before

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        """Show progress: give a function to call with the number of answers since the last call.

        It raises `FetchLockLostError` if another run may have the turn by now.
        """
        with self.progress.track(label, total, self.say) as show:

            def advance(count: int) -> None:
                self.warehouse.require_fetch_lock()
                show(count)

            yield advance


def reject(conformed: Conformed, row: dict[str, Any], rule: str, value: str, part: str) -> None:
    """Count a part without any rows as one rejected row."""
    conformed.received += 1
    conformed.rejected.append(Rejected(row, (Reason(rule, value),), part))


def store_in_batches(
    answers: Iterable[Item], size: int, judge: Callable[[Item], None], store: Callable[[list[Item]], None]
) -> None:
    """Store answers in batches as they arrive; the last batch also when TMDb, `judge` or a person ends the step."""
    batch: list[Item] = []

    def flush() -> None:
        if batch:
            store(batch)
            batch.clear()

    try:
        for answer in answers:
            batch.append(answer)
            judge(answer)
            if len(batch) >= size:
                flush()
    except (TmdbError, *INTERRUPTIONS):
        flush()
        raise
    flush()
