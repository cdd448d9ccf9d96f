"""Waiting for other threads and processes: until a condition holds, with a deadline long enough for a busy machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Seconds. Ten times the longest step on two idle cores; only a failing test waits this long.
PATIENCE_S = 180


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE_S, *, every: float = 0.01) -> bool:
    """Check the condition every `every` seconds; return False when it does not hold after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(every)
    return True
