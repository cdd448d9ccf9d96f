"""A reader on another connection that looks for half-loaded days during a trial."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg

from tmdb_assets_tests.chaos.content import half_seen

PAUSE_S, SHARE = 0.15, 0.1
"""The shortest pause between two looks, and the share of the time that looking may take."""


class Watcher:
    """Looks again and again until `stop`. `seen` is what it should not have seen, `looks` how often it looked.

    `url` may be a function of an address that changes; while the server is away it tries again.
    """

    def __init__(self, url: Callable[[], str], whole: Mapping[str, int]) -> None:
        self._url, self._whole, self.seen, self.looks = url, dict(whole), dict[str, None](), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        pause = PAUSE_S
        while not self._over.wait(pause):
            began = time.monotonic()
            try:
                if connection is None or connection.closed:
                    options = {"application_name": "tmdb-assets watcher", "connect_timeout": 5}
                    connection = psycopg.connect(self._url(), **options, options="-c statement_timeout=5000")
                self.seen.update(dict.fromkeys(half_seen(connection, self._whole)))
                connection.rollback()
                self.looks += 1
            except psycopg.Error:
                with suppress(psycopg.Error):
                    if connection is not None:
                        connection.close()
                connection = None
            pause = max(PAUSE_S, (time.monotonic() - began) / SHARE)
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join(30)
