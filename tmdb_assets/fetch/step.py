"""Asking TMDb for a day and storing the answers in batches as they arrive.

An interrupted run loses at most the batch in hand: the next one asks only for what is missing (`fetch_log`, and the
raw rows themselves). The steps stand each in a file of its own: `fetch_discover`, `fetch_details`, `fetch_reference`,
`fetch_export`; here is what they share.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

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
    film asked again and broken again does not stop a day of thousands. `given_up` says why a step stopped before it had
    asked for all.
    """

    loaded: Loaded
    asked: int = 0
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


@dataclass(frozen=True)
class Fetcher:
    """Everything a fetching step needs."""

    warehouse: Warehouse
    client: TmdbClient
    day: dt.date
    refresh: bool
    progress: Progress
    say: Say
    counted: list[int] = field(default_factory=list)

    def count(self, connection: sa.Connection, kind: str, rows: int) -> None:
        """Note in the books the rows stored with a batch, and the requests sent since the last one."""
        sent = self.client.stats.requests
        requests = sent - (self.counted.pop() if self.counted else sent)
        self.counted.append(sent)
        fetch_log.count_fetched(connection, self.day, kind, requests=requests, rows=rows)

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        """Show the progress of asking: gives a function to call with the number of answers since the last call.

        That raises `FetchLockLostError` when another run may be asking TMDb by now.
        """
        with self.progress.track(label, total, self.say) as show:

            def advance(count: int) -> None:
                self.warehouse.require_fetch_lock()
                show(count)

            yield advance

    def start_counting(self) -> None:
        """Count requests from now on."""
        self.counted[:] = [self.client.stats.requests]


def close_crawl(fetcher: Fetcher, kind: str, *, is_complete: bool) -> None:
    """Note in the books whether a kind's day is complete, and the requests not counted yet."""
    with fetcher.warehouse.begin() as connection:
        fetcher.count(connection, kind, 0)
        fetch_log.close_crawl(connection, fetcher.day, kind, partitions.now() if is_complete else None)


def reject(conformed: Conformed, row: dict[str, Any], rule: str, value: str, part: str) -> None:
    """Count a part that gave no row at all as a rejected row."""
    conformed.received += 1
    conformed.rejected.append(Rejected(row, (Reason(rule, value),), part))
