"""Waiting for what other threads and processes do."""

import threading
import time


def wait_until(condition, seconds=20):
    """Ask every 10 ms whether the condition holds; False when it does not after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True
