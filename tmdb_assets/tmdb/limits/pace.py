"""How fast requests may go."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tmdb_assets.tmdb.limits.news import PaceNews
from tmdb_assets.tmdb.limits.rate import AdaptiveRate

if TYPE_CHECKING:
    from collections.abc import Callable

# Sends are spaced a little wider than the limit needs, so that a request that travels faster (by up to 22 ms; by 12
# while lateness is made up for) than one before it does not put one too many into a second as the server sees it.
_SHARE = 0.978
_GUARD_SECONDS = 0.012
# A sleep may end late; lateness up to this is made up for by the next permits, so that it does not lower the rate.
_CATCH_UP_SECONDS = 0.1
# A 429 that comes so long after the last one has nothing to do with it.
_FORGET_SECONDS = 300.0


class Pace:
    """A gate for all threads: at most `rate_limit` permits in any one-second window, evenly spaced.

    `rate_limit` is in requests a second. 0 means no limit. From 1 up, a fraction is cut off (2.5 permits 2 in
    any second); below 1, one request in every 1 / `rate_limit` seconds. Given enough callers the mean rate is at
    least 97.5% of that. It is less while 429s say so (`refuse`, `accept`), as `AdaptiveRate` says, also where there
    was no limit. `tell` gets a line when that begins or ends, and when a long wait begins, from any thread.
    `clock` (seconds, monotonic) and `sleep` can be replaced, only together; a `sleep` that raises gives up the
    caller's turn and leaves the pace as it was.
    """

    def __init__(
        self,
        rate_limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if not (math.isfinite(rate_limit) and rate_limit >= 0):
            raise ValueError(f"rate_limit must be 0 or more, not {rate_limit}")
        self._clock, self._sleep = clock, sleep
        count = max(1, math.floor(rate_limit))
        period = 1 / rate_limit if 0 < rate_limit < 1 else 1.0
        self._rate = AdaptiveRate(count / period * _SHARE if rate_limit else math.inf)
        self._news = PaceNews(rate_limit, tell)
        self._window = period + _GUARD_SECONDS
        self._most = count if rate_limit else math.inf
        self._granted: deque[float] = deque()
        self._due = self._held_until = self._lowered_at = self._last_refused = -math.inf
        self._held = 0.0
        self._refused_since: float | None = None
        # The one who waits for the next permit holds `_turn`; the others queue behind it, so that one thread wakes
        # up for each permit and not all of them. First tries queue once more before that: when the pace is slow, a
        # repeated one, whose time runs out, would wait too long behind all of them.
        self._turn, self._first_tries = threading.Lock(), threading.Lock()
        self._state = threading.Lock()

    def acquire(self, *, is_repeat: bool = False) -> float:
        """Block until the caller may send; return the clock's reading at which it was permitted.

        A repeated try passes by the first tries in the queue.
        """
        now = self._clock()
        if now >= self._held_until and math.isinf(self._rate.at(self._open(now))):
            return self._grant(now)
        queue: AbstractContextManager[object] = nullcontext() if is_repeat else self._first_tries
        with queue, self._turn:
            now = self._wait_for_permit()
            planned = max(self._due, self._held_until)
            if now - planned > _CATCH_UP_SECONDS:
                planned = now  # nobody asked for a while: that time is gone, not saved up for a burst
            self._due = planned + 1 / self._rate.at(self._open(now))
            return self._grant(now)

    def accept(self, sent_at: float) -> None:
        """Note an answer other than 429 to the request that was permitted at `sent_at`."""
        with self._state:
            now = self._clock()
            self._refused_since = None
            if sent_at > self._lowered_at:
                self._rate.accept(self._open(now))
            self._news.note_rate(self._open(now), self._rate)
        self._news.tell()

    def refuse(self, wish: float, sent_at: float) -> float | None:
        """Note a 429 to the request that was permitted at `sent_at`; return the new rate where it is lowered by it.

        Nothing is permitted for as many seconds as it asks for (`wish`; 0: it names none). What was permitted
        before the last lowering says nothing about the rate since.
        """
        lowered = None
        with self._state:
            now = self._clock()
            if self._refused_since is None or now - self._last_refused > _FORGET_SECONDS:
                self._refused_since = now
            self._last_refused = now
            if sent_at > self._lowered_at and self._rate.refuse(self._open(now), has_wish=wish > 0):
                self._lowered_at, lowered = now, self._rate.at(self._open(now))
                self._news.note_lowering(lowered)
            if wish and now + wish > self._held_until:
                self._held += now + wish - max(now, self._held_until)
                self._held_until = now + wish
                self._news.note_wait(now, wish)
        self._news.tell()
        return lowered

    @property
    def held_until(self) -> float:
        """The clock's reading until which nothing is permitted, because TMDb asked for that."""
        return self._held_until

    @property
    def refused_seconds(self) -> float:
        """For how many seconds all that was answered were 429s."""
        since = self._refused_since
        return 0.0 if since is None else self._clock() - since

    def _open(self, now: float) -> float:
        """The time without that in which nothing was permitted."""
        return now - self._held + max(0.0, self._held_until - now)

    def _grant(self, now: float) -> float:
        with self._state:
            self._granted.append(now)
            while len(self._granted) > self._most or self._granted[0] < now - self._window:
                self._granted.popleft()
        return now

    def _next_permit(self) -> float:
        due = max(self._due, self._held_until)
        # The real times, not the planned ones, bound the window: permits that came late must not bunch up.
        if len(self._granted) == self._most:
            due = max(due, self._granted[0] + self._window)
        return due

    def _wait_for_permit(self) -> float:
        # Asked again after each sleep: a hold may have come in the meantime.
        while (now := self._clock()) < (then := self._next_permit()):
            self._sleep(then - now)
        return now


def thread_count(rate_limit: float, most: int) -> int:
    """At most `most`, and no more than `rate_limit` (0: none) keeps busy with answers of 2 s: the rest would wait."""
    return most if rate_limit == 0 else min(most, max(4, math.ceil(rate_limit * 2)))
