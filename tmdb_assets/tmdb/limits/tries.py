"""How often and for how long one request is retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from tmdb_assets.tmdb.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# A Retry-After of a 429 up to this many seconds is followed; a longer one fails the request at once.
LONGEST_WAIT_SECONDS = 120.0
# The waits for 429s add up to at most this many seconds, for one request and while TMDb answers nothing else.
MOST_WAITED_SECONDS = 600.0

# Seconds before the next try, drawn at random: up to 0.2, 0.4, 0.8, ... 5.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=5, min=0.1)
# An answer that is unreadable this often, in about 3 s, will stay so: giving up lets other requests go first.
_UNREADABLE_TRIES = 6
# The last try may end this long after the time for retries: every try has as long.
_LAST_TRY_SECONDS = 10.0


class Tries:
    """The tries of one request, retried for at most `retry_seconds`; times are in seconds of `clock`.

    Time in the queue for a permit, and Retry-Afters of 429s up to `LONGEST_WAIT_SECONDS`, are not counted, up to
    `MOST_WAITED_SECONDS` in all.
    """

    def __init__(self, retry_seconds: float, clock: Callable[[], float]) -> None:
        self.count = 0
        self.fault: Fault | None = None
        self._retry_seconds, self._clock = retry_seconds, clock
        self._unreadable = 0
        self._started = clock()
        self._excused = 0.0

    def begin(self, queued: float = 0.0) -> None:
        """Note that a try is sent, after `queued` seconds of waiting for a permit."""
        self.count += 1
        if self.count == 1:
            self._started = self._clock()
        else:
            self._excused += queued

    def end(self, fault: Fault | None) -> None:
        """Note that the try ended, with `fault` if it failed."""
        self.fault = fault
        self._unreadable += fault is not None and fault.unreadable

    def is_over(self, wait: float) -> bool:
        """Whether to give up instead of waiting `wait` seconds and trying again."""
        requested = self._requested_wait
        if requested > LONGEST_WAIT_SECONDS or self._excused + requested > MOST_WAITED_SECONDS:
            return True
        if requested:
            return False
        return self.seconds + wait > self._retry_seconds or self._unreadable >= _UNREADABLE_TRIES

    def wait(self) -> None:
        """Note that the wait before the next try begins."""
        self._excused += self._requested_wait

    @property
    def seconds(self) -> float:
        """Seconds since the first try was sent, less the time that is not counted."""
        return self.all_seconds - self._excused

    @property
    def spent(self) -> str:
        """The number of tries and the time they took, in words."""
        return f"{self.count} {'try' if self.count == 1 else 'tries'} in {self.seconds:.0f} s"

    @property
    def all_seconds(self) -> float:
        """Seconds since the first try was sent."""
        return self._clock() - self._started

    @property
    def deadline(self) -> float:
        """The clock's time at which an answer that is still arriving is abandoned."""
        return self._started + self._excused + self._retry_seconds + _LAST_TRY_SECONDS

    @property
    def _requested_wait(self) -> float:
        fault = self.fault
        return fault.retry_after or 0.0 if fault is not None and fault.kind == "429" else 0.0


def retrying(sleep: Callable[[float], None], count_retry: Callable[[str, float], None]) -> Retrying:
    """Retry a function while it returns a `Fault`; return the last one when its tries are over. Thread-safe.

    The function's first argument is its `Tries`, in which it notes each try. `count_retry` receives the kind of each
    fault that is retried, and the seconds waited first.
    """

    def last_fault(state: RetryCallState) -> Fault:
        fault: Fault = state.args[0].fault
        return fault

    def before_sleep(state: RetryCallState) -> None:
        state.args[0].wait()
        count_retry(last_fault(state).kind, state.upcoming_sleep)

    return Retrying(
        sleep=sleep,
        retry=retry_if_result(lambda outcome: isinstance(outcome, Fault)),
        wait=lambda state: max(_BACKOFF(state), last_fault(state).retry_after or 0.0),
        stop=lambda state: state.args[0].is_over(state.upcoming_sleep),
        before_sleep=before_sleep,
        retry_error_callback=last_fault,
    )
