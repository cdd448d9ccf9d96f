"""How fast requests may be sent."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Permits are spaced slightly wider than the limit requires, so that a request that arrives faster than an earlier one
# (by up to 22 ms, or 12 ms while catching up) does not exceed the limit at the server.
_SHARE = 0.978
_GUARD_SECONDS = 0.012
# A sleep may end late. The next permits catch up to this much, so that the mean rate does not fall.
_CATCH_UP_SECONDS = 0.1
# A 429 halves the rate, but not below one request a second; it is at the limit again this long after the last 429.
_RECOVERY_SECONDS = 60.0
_LOWEST_RATE = 1.0
# Without a limit, a 429 halves what TMDb is known to accept: https://developer.themoviedb.org/docs/rate-limiting
_USUAL_RATE = 40.0
# Waits from this length on are logged, and rates below this share of the one logged last, but not every change around
# the rate that TMDb accepts.
_LONG_WAIT_SECONDS = 5.0
_LOGGED_SHARE = 0.6


class Pace:
    """Gives permits to all threads: at most `rate_limit` in any window of one second, evenly spaced.

    `rate_limit` is in requests per second; 0 means no limit. From 1 up it is rounded down (2.5 permits 2 in any
    second); below 1, one request is permitted every 1 / `rate_limit` seconds. With enough callers the mean rate is at
    least 97.5% of the limit.

    A 429 halves the rate (`refuse`), which then grows linearly to the limit within a minute after the last 429. `log`
    receives a line when the rate falls, when it is back at the limit, and when a long wait begins, one at a time, from
    the thread that reports the answer.

    `clock` (monotonic seconds) and `sleep` are replaced together. A `sleep` that raises cancels the caller's permit.
    Raises `ValueError` for a `rate_limit` that is negative or not finite.
    """

    def __init__(
        self,
        rate_limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not (math.isfinite(rate_limit) and rate_limit >= 0):
            raise ValueError(f"rate_limit must be 0 or more, not {rate_limit}")
        self._clock, self._sleep, self._log = clock, sleep, log
        self._limit_words = f"{rate_limit:g} requests a second" if rate_limit else "no limit"
        count = max(1, math.floor(rate_limit)) if rate_limit else 0
        period = 1 / rate_limit if 0 < rate_limit < 1 else 1.0
        self._limit = count / period * _SHARE if rate_limit else math.inf
        self._halved_from = self._limit if rate_limit else _USUAL_RATE
        self._window, self._granted = period + _GUARD_SECONDS, deque[float](maxlen=count)
        self._due = self._slowed_at = self._held_until = -math.inf
        self._slowed_rate = self._logged_rate = math.inf
        self._refused_since: float | None = None
        # One thread holds `_turn` and waits for the next permit, the others wait for `_turn`: a permit wakes only one.
        self._turn, self._state = threading.Lock(), threading.Lock()

    def acquire(self) -> float:
        """Block until the caller may send; return the clock's time of the permit."""
        with self._turn:
            # Checked again after each sleep: a 429 may have come meanwhile.
            while (now := self._clock()) < (then := self._next_permit()):
                self._sleep(then - now)
            with self._state:
                # Idle time is not saved up for a burst.
                planned = self._due if now - self._due <= _CATCH_UP_SECONDS else now
                self._due = planned + 1 / self._rate(now)
                self._granted.append(now)
        return now

    def accept(self) -> None:
        """Note an answer other than 429."""
        with self._state:
            self._refused_since = None
            if self._logged_rate < math.inf and self._clock() >= self._held_until + _RECOVERY_SECONDS:
                self._logged_rate = math.inf
                self._log(f"TMDb accepts our requests again: back to {self._limit_words}.")

    def refuse(self, wait: float, sent_at: float) -> float:
        """Note a 429 to the request permitted at `sent_at`; permit nothing for `wait` seconds, its Retry-After (or 0).

        The rate is halved unless it was halved after `sent_at`. Returns for how many seconds all answers have been 429.
        """
        with self._state:
            now = self._clock()
            if self._refused_since is None:
                self._refused_since = now
            if sent_at > self._slowed_at:
                half = min(self._rate(now), self._halved_from) / 2
                self._slowed_rate, self._slowed_at = max(half, min(_LOWEST_RATE, self._halved_from)), now
                self._log_slowdown()
            if now + wait - max(now, self._held_until) >= _LONG_WAIT_SECONDS:
                self._log(f"TMDb asks us to wait {wait:.0f} s (429): nothing is sent until then.")
            self._held_until = max(self._held_until, now + wait)
            return now - self._refused_since

    def _log_slowdown(self) -> None:
        if self._slowed_rate <= self._logged_rate * _LOGGED_SHARE:
            self._logged_rate = self._slowed_rate
            self._log(
                f"TMDb is rate-limiting us (429): slowing down to {self._slowed_rate:.3g} requests a second, back to "
                f"{self._limit_words} one minute after the last 429."
            )

    def _rate(self, now: float) -> float:
        """Requests per second permitted at `now`."""
        recovered = (now - self._held_until) / _RECOVERY_SECONDS  # since the last 429 or its Retry-After
        if recovered >= 1:
            return self._limit
        return min(self._limit, self._slowed_rate + self._halved_from * max(0.0, recovered))

    def _next_permit(self) -> float:
        then = max(self._due, self._held_until)
        # The window counts real times, not planned ones: late permits must not bunch up.
        if self._granted and len(self._granted) == self._granted.maxlen:
            then = max(then, self._granted[0] + self._window)
        return then


def thread_count(rate_limit: float, most: int) -> int:
    """Return how many threads `rate_limit` (0: none) keeps busy if answers take 2 s, and at most `most`."""
    return most if rate_limit == 0 else min(most, max(4, math.ceil(rate_limit * 2)))
