"""Waiting for what other threads and processes do: by what is seen, with one deadline that a busy machine keeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Seconds. Ten times what the longest step takes on two quiet cores; only a test that fails waits for so long.
PATIENCE_S = 180


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE_S, *, every: float = 0.01) -> bool:
    """Check the condition every so many seconds; False when it does not hold after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(every)
    return True
