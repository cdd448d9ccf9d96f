"""Waiting for what other threads and processes do."""

import threading
import time


def wait_until(condition, seconds=20, *, every=0.01):
    """Ask every so many seconds whether the condition holds; False when it does not after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(every)
    return True
