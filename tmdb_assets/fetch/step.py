"""What the fetching steps share: requesting a day from TMDb and storing the answers in batches as they arrive.

An interrupted run loses at most the batch in hand: the next one requests only what is missing (`fetch_log`, and the raw
rows themselves). Each step has a module of its own: `discover`, `catalogue`, `details`, `reference`, `export`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tmdb_assets import partitions
from tmdb_assets.fetch.progress import Advance, Progress, Say
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.transforms.conform import Conformed, Reason, Rejected
from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.warehouse import Warehouse


@dataclass
class Fetched:
    """What a fetching step stored, and what it could not get (page numbers, film ids or lists, with the cause).

    `stored_before` counts the day's rows of earlier runs: the share of rejected rows is that of the day, so that one
    film requested again and broken again does not stop a day of thousands. `given_up` says why a step stopped before it
    had requested everything.
    """

    loaded: Loaded
    requested: int = 0
    failed: dict[int | str, str] = field(default_factory=dict)
    stored_before: int = 0
    due: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    skipped: int = 0
    unseen: int | None = None
    given_up: str | None = None

    @property
    def so_far(self) -> Loaded:
        """What the next batch is judged together with."""
        received = self.stored_before + self.loaded.received
        return Loaded(self.loaded.table, received, rejected=list(self.loaded.rejected))


@dataclass
class Fetcher:
    """Everything a fetching step needs."""

    warehouse: Warehouse
    client: TmdbClient
    day: dt.date
    refresh: bool
    progress: Progress
    say: Say
    _counted: int = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the right to request from TMDb, over all runs on this warehouse; requests count from here on."""
        with self.warehouse.fetch_lock(self.say):
            self.take_requests()
            yield

    @contextmanager
    def crawl(self, kind: str) -> Iterator[fetch_log.Crawl]:
        """Open the day's crawl of a kind and close it, however the step ends.

        It stays open for the next run unless the step ended well and set its `is_complete`.
        """
        with self.warehouse.begin() as connection:
            opened = fetch_log.open_crawl(connection, self.day, kind, refresh=self.refresh, now=partitions.now())
        try:
            yield opened
        except BaseException:
            self.close_crawl(kind, is_complete=False)
            raise
        self.close_crawl(kind, is_complete=opened.is_complete)

    def close_crawl(self, kind: str, *, is_complete: bool) -> None:
        """Note whether a kind's day is complete, and the requests not counted yet."""
        with self.warehouse.begin() as connection:
            fetch_log.count_fetched(connection, self.day, kind, requests=self.take_requests(), rows=0)
            fetch_log.close_crawl(connection, self.day, kind, partitions.now() if is_complete else None)

    def take_requests(self) -> int:
        """Requests sent since the last call."""
        before, self._counted = self._counted, self.client.stats.requests
        return self._counted - before

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        """Show the progress of fetching: gives a function to call with the number of answers since the last call.

        That raises `FetchLockLostError` when another run may be requesting from TMDb by now.
        """
        with self.progress.track(label, total, self.say) as show:

            def advance(count: int) -> None:
                self.warehouse.require_fetch_lock()
                show(count)

            yield advance


def reject(conformed: Conformed, row: dict[str, Any], rule: str, value: str, part: str) -> None:
    """Count a part that gave no row at all as a rejected row."""
    conformed.received += 1
    conformed.rejected.append(Rejected(row, (Reason(rule, value),), part))
