"""A clock that stands still while the process does: after SIGSTOP, in a paused container, on a suspended machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

TICK_S = 0.5
MOST_S = 2.0  # counted between two ticks: more means that the process did not run


class RunningClock:
    """Monotonic seconds during which the process ran; a thread ticks, so that waiting for an answer counts in full."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted, self._last = 0.0, clock()
        self._pid = 0

    def __call__(self) -> float:
        """The seconds so far; starts the thread in each process that asks."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lock = threading.Lock()  # a forked child may have got it locked
            self.tick()
            threading.Thread(target=self._run, name="running clock", daemon=True).start()
        with self._lock:
            return self._counted + min(self._clock() - self._last, MOST_S)

    def tick(self) -> None:
        """Count the time since the last tick."""
        with self._lock:
            now = self._clock()
            self._counted, self._last = self._counted + min(now - self._last, MOST_S), now

    def _run(self) -> None:
        while True:
            time.sleep(TICK_S)
            self.tick()


running_seconds = RunningClock()
