"""How fast and how often requests may go, and the count of how they went."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from tmdb_assets.tmdb.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# Sends are spaced a little wider than the limit needs, so that a request that travels faster than the one
# before it does not put one too many into a second as the server sees it.
_SHARE = 0.985
_GUARD_SECONDS = 0.005
# A sleep may end late; lateness up to this is made up for by the next permits, so that it does not lower the rate.
_CATCH_UP_SECONDS = 0.1

# Seconds before the next try, drawn at random: up to 0.2, 0.4, 0.8, ... 5.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=5, min=0.1)
# An answer that came unreadable this often is no passing fault: left out after some 3 s, it does not hold up the rest.
_UNREADABLE_TRIES = 6
# A question whose last try was slow ends early, so that trying lasts at most this much longer than the retries may.
_LAST_TRY_SECONDS = 10.0


class Pace:
    """A gate for all threads: at most `rate_limit` permits in any one-second window, evenly spaced.

    `rate_limit` is in requests a second. 0 means no limit. From 1 up, a fraction is cut off (2.5 permits 2 in
    any second); below 1, one request in every 1 / `rate_limit` seconds. Given enough callers the mean rate is at
    least 98% of that. `clock` (seconds, monotonic) and `sleep` can be replaced, only together; a `sleep` that
    raises gives up the caller's turn and leaves the pace as it was.
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
        self._limited = rate_limit > 0
        count = max(1, math.floor(rate_limit))
        period = 1 / rate_limit if 0 < rate_limit < 1 else 1.0
        self._interval = period / count / _SHARE
        self._window = period + _GUARD_SECONDS
        self._granted: deque[float] = deque(maxlen=count)
        self._due = -math.inf
        self._held_until = -math.inf
        # The one who waits for the next permit holds this; the others queue behind it, so that one thread wakes
        # up for each permit and not all of them.
        self._turn = threading.Lock()
        self._hold = threading.Lock()

    def acquire(self) -> float:
        """Block until the caller may send; return the clock's reading at which it was permitted."""
        if not self._limited:
            return self._wait_until(lambda: self._held_until)
        with self._turn:
            now = self._wait_until(self._next_permit)
            planned = max(self._due, self._held_until)
            if now - planned > _CATCH_UP_SECONDS:
                planned = now  # nobody asked for a while: that time is gone, not saved up for a burst
            self._due = planned + self._interval
            self._granted.append(now)
            return now

    def hold_back(self, seconds: float) -> None:
        """Permit nothing for the next `seconds`: the server said that it is too much."""
        with self._hold:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _next_permit(self) -> float:
        due = max(self._due, self._held_until)
        # The real times, not the planned ones, bound the window: permits that came late must not bunch up.
        if len(self._granted) == self._granted.maxlen:
            due = max(due, self._granted[0] + self._window)
        return due

    def _wait_until(self, due: Callable[[], float]) -> float:
        # Asked again after each sleep: a hold may have come in the meantime.
        while (now := self._clock()) < (then := due()):
            self._sleep(then - now)
        return now


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
    """What a client has sent and received so far. Safe to count from many threads.

    `requests` counts every send, retries included; `retries` is by cause; `bytes` are as sent over the wire;
    `seconds_waited` sums over all threads the time spent waiting for the pace and between tries.
    """

    requests: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    not_found: int = 0
    bytes: int = 0
    removed_characters: int = 0
    seconds_waited: float = 0.0
    peak_rate: int = 0
    _first: float | None = field(default=None, repr=False)
    _last: float = field(default=0.0, repr=False)
    _recent: deque[float] = field(default_factory=deque, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

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

    def count_answer(self, *, size: int = 0, removed_characters: int = 0, not_found: bool = False) -> None:
        """Count one body of `size` bytes, or what was found in it."""
        with self._lock:
            self.bytes += size
            self.removed_characters += removed_characters
            self.not_found += not_found

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
                "bytes": self.bytes,
                "removed_characters": self.removed_characters,
                "seconds_waited": round(self.seconds_waited, 3),
                "mean_rate": round(self.mean_rate, 2),
                "peak_rate": self.peak_rate,
            }
