"""How fast and how often requests may go, and the count of how they went."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from tmdb_assets.tmdb.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# Sends are spaced a little wider than the limit needs, so that a request that travels faster (by up to 22 ms; by 12
# while lateness is made up for) than one before it does not put one too many into a second as the server sees it.
_SHARE = 0.978
_GUARD_SECONDS = 0.012
# A sleep may end late; lateness up to this is made up for by the next permits, so that it does not lower the rate.
_CATCH_UP_SECONDS = 0.1
# How long all threads pause after a 429, also where it asks for less or does not say how long.
_SHORTEST_HOLD_SECONDS = 1.0

# Seconds before the next try, drawn at random: up to 0.2, 0.4, 0.8, ... 5.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=5, min=0.1)
# An answer that came unreadable this often is no passing fault: left out after some 3 s, it does not hold up the rest.
_UNREADABLE_TRIES = 6
# A question whose last try was slow ends early, so that trying lasts at most this much longer than the retries may.
_LAST_TRY_SECONDS = 10.0


class AdaptiveRate:
    """The requests a second that are permitted at a moment: `limit`, and less for a while after a 429.

    Each lowering takes a quarter off what was permitted, or off what was sent in the second before the 429 (counted
    as 40 at least, which TMDb is known to take) where that was less; it ends at 1 a second. Then the rate grows with
    the square of the time: at most `RECOVERY_SECONDS` after the last 429 or the hold it brought, `limit` is reached
    again. It is never passed. An infinite `limit` gives way to a finite rate at the first 429, which within
    `RECOVERY_SECONDS` grows by what was sent in the second before the last 429 (40 at least), and on without end.
    """

    RECOVERY_SECONDS = 60.0
    _KEPT_SHARE = 0.75
    _LOWEST = 1.0
    _USUAL = 40.0  # https://developer.themoviedb.org/docs/rate-limiting

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._lowered = self._growth = limit
        self._since = -math.inf

    def at(self, now: float) -> float:
        """Requests a second permitted at `now`."""
        if self._lowered == self._limit:
            return self._limit
        share = max(0.0, now - self._since) / self.RECOVERY_SECONDS
        return min(self._limit, self._lowered + self._growth * share**2)

    def lower(self, now: float, sent: float) -> None:
        """Permit less: a 429 came at `now`, after `sent` requests in the second before."""
        seen = max(sent, self._USUAL)
        rate = min(self.at(now), seen)
        self._growth = seen if math.isinf(self._limit) else self._limit
        self._lowered, self._since = min(rate, max(self._LOWEST, rate * self._KEPT_SHARE)), now

    def pause(self, now: float, until: float) -> None:
        """Stay at the rate of `now` and grow from `until` on: nothing is sent before."""
        self._lowered, self._since = self.at(now), until


class Pace:
    """A gate for all threads: at most `rate_limit` permits in any one-second window, evenly spaced.

    `rate_limit` is in requests a second. 0 means no limit. From 1 up, a fraction is cut off (2.5 permits 2 in
    any second); below 1, one request in every 1 / `rate_limit` seconds. Given enough callers the mean rate is at
    least 97.5% of that. After a 429 (`hold_back`) it is less, as `AdaptiveRate` says, also where there was no limit.
    `clock` (seconds, monotonic) and `sleep` can be replaced, only together; a `sleep` that raises gives up the
    caller's turn and leaves the pace as it was.
    """

    def __init__(
        self,
        rate_limit: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (math.isfinite(rate_limit) and rate_limit >= 0):
            raise ValueError(f"rate_limit must be 0 or more, not {rate_limit}")
        self._clock, self._sleep = clock, sleep
        count = max(1, math.floor(rate_limit))
        period = 1 / rate_limit if 0 < rate_limit < 1 else 1.0
        self._rate = AdaptiveRate(count / period * _SHARE if rate_limit else math.inf)
        self._window = period + _GUARD_SECONDS
        self._most = count if rate_limit else math.inf
        self._granted: deque[float] = deque()
        self._due = -math.inf
        self._held_until = -math.inf
        # The one who waits for the next permit holds `_turn`; the others queue behind it, so that one thread wakes
        # up for each permit and not all of them. First tries queue once more before that: when the pace is slow, a
        # repeated one, whose time runs out, would wait too long behind all of them.
        self._turn, self._first_tries = threading.Lock(), threading.Lock()
        self._state = threading.Lock()

    def acquire(self, *, is_repeat: bool = False) -> float:
        """Block until the caller may send; return the clock's reading at which it was permitted.

        A repeated try passes by the first tries in the queue.
        """
        if math.isinf(self._rate.at(now := self._clock())):
            return self._grant(now)
        queue: AbstractContextManager[object] = nullcontext() if is_repeat else self._first_tries
        with queue, self._turn:
            now = self._wait_for_permit()
            planned = max(self._due, self._held_until)
            if now - planned > _CATCH_UP_SECONDS:
                planned = now  # nobody asked for a while: that time is gone, not saved up for a burst
            self._due = planned + 1 / self._rate.at(now)
            return self._grant(now)

    def hold_back(self, seconds: float, sent_at: float) -> None:
        """Permit nothing for the next `seconds`, and then less than before: the server said that it is too much.

        `seconds` is its wish (0: it names none); the hold is 1 s at least. `sent_at` is when the refused request
        was permitted: the rate is lowered once a hold, so not for a request from before the last one's end.
        """
        with self._state:
            now = self._clock()
            is_news = sent_at >= self._held_until
            self._held_until = max(self._held_until, now + max(seconds, _SHORTEST_HOLD_SECONDS))
            if is_news:
                self._rate.lower(now, sum(1 for granted in self._granted if granted > now - 1))
            self._rate.pause(now, self._held_until)

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


class Tries:
    """The tries of one question, repeated for at most `retry_seconds`; times in seconds of `clock`."""

    def __init__(self, retry_seconds: float, clock: Callable[[], float]) -> None:
        self.count = 0
        self.fault: Fault | None = None
        self._retry_seconds, self._clock = retry_seconds, clock
        self._unreadable = 0
        self._started = self._sent = clock()
        self._last_seconds = 0.0

    def begin(self) -> None:
        """Note that a try is sent; the time before the first one, spent in the pace's queue, does not count."""
        self.count += 1
        self._sent = self._clock()
        self._started = self._sent if self.count == 1 else self._started

    def end(self, fault: Fault | None) -> None:
        """Note that the try has ended, and with what fault."""
        self.fault = fault
        self._last_seconds = self._clock() - self._sent
        self._unreadable += fault is not None and fault.unreadable

    def is_over(self, wait: float) -> bool:
        """Whether to give up rather than to wait `wait` seconds and try once more."""
        spent = self.seconds + wait
        slow = spent + self._last_seconds > self._retry_seconds + _LAST_TRY_SECONDS
        return slow or spent > self._retry_seconds or self._unreadable >= _UNREADABLE_TRIES

    @property
    def seconds(self) -> float:
        """Seconds since the first try was sent."""
        return self._clock() - self._started

    @property
    def deadline(self) -> float:
        """The clock's reading at which an answer that still drips in is given up."""
        return self._started + self._retry_seconds + _LAST_TRY_SECONDS


def retrying(sleep: Callable[[float], None], count_retry: Callable[[str, float], None]) -> Retrying:
    """Repeat a function while it returns a `Fault`; the last one is returned once its tries are over.

    The function's first argument is its `Tries`, in which it notes each try. Safe to share among threads.
    """

    def last_fault(state: RetryCallState) -> Fault:
        fault: Fault = state.args[0].fault
        return fault

    return Retrying(
        sleep=sleep,
        retry=retry_if_result(lambda outcome: isinstance(outcome, Fault)),
        wait=lambda state: max(_BACKOFF(state), last_fault(state).retry_after or 0.0),
        stop=lambda state: state.args[0].is_over(state.upcoming_sleep),
        before_sleep=lambda state: count_retry(last_fault(state).kind, state.upcoming_sleep),
        retry_error_callback=last_fault,
    )


@dataclass
class FetchStats:
    """What a client has sent and received since `restart`, or ever. Safe to count from many threads.

    `requests` counts every send, retries included; `retries` is by cause; `rate_limited` counts the answers 429,
    also where no retry followed; `bytes` are as sent over the wire; `seconds_waited` sums over all threads the time
    spent waiting for the pace and between tries; `mean_rate` and `peak_rate` are in requests a second.
    `total_requests` goes on over restarts.
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
        """Count anew, for the figures of one step."""
        with self._lock:
            self._before += self.requests
            self.requests = self.not_found = self.rate_limited = self.bytes = self.removed_characters = 0
            self.seconds_waited, self.peak_rate, self._first, self._last = 0.0, 0, None, 0.0
            self.retries.clear()
            self._recent.clear()

    @property
    def total_requests(self) -> int:
        """The requests since the client was made."""
        return self._before + self.requests

    def count_request(self, sent_at: float, waited: float) -> None:
        """Count one send at `sent_at` (monotonic seconds), for which `waited` seconds were spent at the gate."""
        with self._lock:
            self.requests += 1
            self.seconds_waited += waited
            self._first = sent_at if self._first is None else min(self._first, sent_at)
            self._last = max(self._last, sent_at)
            # Threads may report slightly out of order; the peak is a figure for people, not the guarantee.
            self._recent.append(sent_at)
            while self._recent[0] <= self._last - 1:
                self._recent.popleft()
            self.peak_rate = max(self.peak_rate, len(self._recent))

    def count_retry(self, cause: str, waited: float) -> None:
        """Count one repeated try after `cause`, before which the caller waits `waited` seconds."""
        with self._lock:
            self.retries[cause] += 1
            self.seconds_waited += waited

    def count_answer(
        self, *, size: int = 0, removed_characters: int = 0, not_found: bool = False, rate_limited: bool = False
    ) -> None:
        """Count one body of `size` bytes, or what was found in it, or that it said 404 or 429."""
        with self._lock:
            self.bytes += size
            self.removed_characters += removed_characters
            self.not_found += not_found
            self.rate_limited += rate_limited

    @property
    def mean_rate(self) -> float:
        """Requests a second between the first and the last send; 0 before the second one."""
        if self._first is None or self._last <= self._first:
            return 0.0
        return (self.requests - 1) / (self._last - self._first)

    def snapshot(self) -> dict[str, Any]:
        """All figures at this moment as a plain dict, ready for metadata."""
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
