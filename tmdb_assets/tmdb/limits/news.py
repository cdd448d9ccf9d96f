"""What is told of the pace: that it is lowered, that it is back, and that a long wait begins."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmdb_assets.tmdb.limits.rate import AdaptiveRate

# A full pace that holds for less is only a try of what the server takes.
_SURE_SECONDS = 10.0
# The pace is told once more when it falls below this part of what was told last.
_NEWS_SHARE = 0.5
# Waits from this length on are told; and in so many seconds only one, unless a longer one begins.
_LONG_WAIT_SECONDS = 5.0
_WAITS_APART_SECONDS = 60.0


class PaceNews:
    """Makes one line of each change of the pace, and gives them to `teller` in their order, one at a time.

    The notes are taken under the pace's lock; `tell` is called without it, so that a slow `teller` delays only the
    thread that calls it.
    """

    def __init__(self, rate_limit: float, teller: Callable[[str], None] | None) -> None:
        self._full = f"{rate_limit:g} requests a second" if rate_limit else "no limit"
        self._teller = teller
        self._told_rate: float | None = None
        self._back_since: float | None = None
        self._told_wait, self._told_at = 0.0, -math.inf
        self._lines: deque[str] = deque()
        self._telling = threading.Lock()

    def note_lowering(self, rate: float) -> None:
        """Take note that the pace is lowered to `rate` requests a second."""
        self._back_since = None
        if self._told_rate is None or rate < self._told_rate * _NEWS_SHARE:
            self._told_rate = rate
            self._lines.append(
                f"TMDb finds our requests too many (429): the pace is lowered to {rate:.3g} requests a second; "
                f"it comes back to {self._full} by itself."
            )

    def note_rate(self, now: float, rate: AdaptiveRate) -> None:
        """Take note that requests are answered at the rate of `now`."""
        if self._told_rate is None or rate.at(now) < rate.limit:
            return
        if self._back_since is None:
            self._back_since = now
        if now - self._back_since >= _SURE_SECONDS:
            self._told_rate = self._back_since = None
            self._lines.append(f"TMDb takes our requests again: the pace is back at {self._full}.")

    def note_wait(self, now: float, seconds: float) -> None:
        """Take note that from `now` on nothing is sent for `seconds`, because TMDb asked for that."""
        is_news = seconds > self._told_wait + 1 or now - self._told_at >= _WAITS_APART_SECONDS
        if seconds >= _LONG_WAIT_SECONDS and is_news:
            self._told_wait, self._told_at = seconds, now
            self._lines.append(f"TMDb asks to wait {seconds:.0f} s (429): nothing is sent until then.")

    def tell(self) -> None:
        """Give the lines that are new to whoever wants them."""
        if not self._lines:
            return
        with self._telling:
            while self._lines:
                line = self._lines.popleft()
                if self._teller is not None:
                    self._teller(line)
