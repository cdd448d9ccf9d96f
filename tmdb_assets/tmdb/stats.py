"""Counters of requests and answers."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FetchStats:
    """What a client has sent and received since `restart`. Thread-safe.

    `requests` counts every request sent, including retries; `retries` counts by cause; `rate_limited` counts 429s,
    retried or not; `bytes` are as transferred; `seconds_waited` is the time spent waiting for the rate limit and
    between tries, summed over all threads. Rates are in requests per second. `restart` does not reset `total_requests`.
    """

    requests: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    not_found: int = 0
    rate_limited: int = 0
    bytes: int = 0
    removed_characters: int = 0
    seconds_waited: float = 0.0
    peak_rate: int = 0
    _before: int = field(default=0, repr=False)
    _first: float | None = field(default=None, repr=False)
    _last: float = field(default=0.0, repr=False)
    _recent: deque[float] = field(default_factory=deque, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def restart(self) -> None:
        """Reset the counters, so that they cover one step."""
        with self._lock:
            self._before += self.requests
            self.requests = self.not_found = self.rate_limited = self.bytes = self.removed_characters = 0
            self.seconds_waited, self.peak_rate, self._first, self._last = 0.0, 0, None, 0.0
            self.retries.clear()
            self._recent.clear()

    @property
    def total_requests(self) -> int:
        """Requests since the client was created."""
        return self._before + self.requests

    def count_request(self, sent_at: float, waited: float) -> None:
        """Count a request sent at `sent_at` (monotonic seconds), after `waited` seconds for the rate limit."""
        with self._lock:
            self.requests += 1
            self.seconds_waited += waited
            self._first = sent_at if self._first is None else min(self._first, sent_at)
            self._last = max(self._last, sent_at)
            # Threads may report slightly out of order: the peak is approximate.
            self._recent.append(sent_at)
            while self._recent[0] <= self._last - 1:
                self._recent.popleft()
            self.peak_rate = max(self.peak_rate, len(self._recent))

    def count_retry(self, cause: str, waited: float) -> None:
        """Count a retry caused by `cause`, after a wait of `waited` seconds."""
        with self._lock:
            self.retries[cause] += 1
            self.seconds_waited += waited

    def count_answer(
        self, *, size: int = 0, removed_characters: int = 0, not_found: bool = False, rate_limited: bool = False
    ) -> None:
        """Count an answer: its body's `size` in bytes, its removed characters, its status 404 or 429."""
        with self._lock:
            self.bytes += size
            self.removed_characters += removed_characters
            self.not_found += not_found
            self.rate_limited += rate_limited

    @property
    def mean_rate(self) -> float:
        """Requests per second between the first and the last request; 0 until there are two."""
        if self._first is None or self._last <= self._first:
            return 0.0
        return (self.requests - 1) / (self._last - self._first)

    def snapshot(self) -> dict[str, Any]:
        """Return the figures as a plain dict, for metadata."""
        with self._lock:
            return {
                "requests": self.requests,
                "retries": dict(self.retries),
                "not_found": self.not_found,
                "rate_limited": self.rate_limited,
                "bytes": self.bytes,
                "removed_characters": self.removed_characters,
                "seconds_waited": round(self.seconds_waited, 3),
                "mean_rate": round(self.mean_rate, 2),
                "peak_rate": self.peak_rate,
            }
