"""Time that only passes while somebody sleeps, and rates over it."""

import threading
from bisect import bisect_right


class VirtualTime:
    """A clock that only advances while somebody sleeps; sleeps end late by what `lateness` yields."""

    def __init__(self, lateness=()):
        self.now = 1000.0
        self.slept = []
        self._lateness = iter(lateness)
        self._lock = threading.Lock()

    def clock(self):
        with self._lock:
            return self.now

    def sleep(self, seconds):
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds + next(self._lateness, 0.0)


def most_in_a_window(grants, seconds=1.0):
    """Return the largest number of times in any closed window; the largest starts at one of them."""
    grants = sorted(grants)
    return max(bisect_right(grants, start + seconds) - i for i, start in enumerate(grants))
