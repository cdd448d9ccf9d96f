"""The progress of a long step: in the run's log every ten seconds, or on the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

LOG_EVERY_SECONDS = 10.0
INTERRUPTED_LINE = "Interrupted. What is already stored is kept. Run again to resume."

Say = Callable[[str], None]
Advance = Callable[[int], None]


class Progress(Protocol):
    """Shows the progress of one step at a time."""

    def track(self, label: str, total: int, say: Say) -> AbstractContextManager[Advance]:
        """Return a context that gives a function to call with the number of items done since the last call."""

    def note(self, line: str, say: Say) -> None:
        """Show a line during a step, such as which run it waits for."""


class LogProgress:
    """Progress as lines of the run's log: at the start, every ten seconds, and at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    @contextmanager
    def track(self, label: str, total: int, say: Say) -> Iterator[Advance]:
        """Log `label: done/total (rate a second, time left)`."""
        started = last = self._clock()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = self._clock()
            if now - last >= LOG_EVERY_SECONDS:
                last = now
                say(progress_line(label, done, total, now - started))

        say(f"{label}: {total} to go")
        yield advance
        say(progress_line(label, done, total, self._clock() - started))

    def note(self, line: str, say: Say) -> None:
        """Log the line."""
        say(line)


def progress_line(label: str, done: int, total: int, seconds: float) -> str:
    """Return one line: done/total, rate, time left."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f"{(total - done) / rate:.0f} s left" if rate and done < total else ""
    pace = ", ".join(filter(None, (rate_text(rate, label), left)))
    return f"{label}: {done}/{total} in {seconds:.0f} s" + (f" ({pace})" if pace else "")


def rate_text(rate: float, label: str) -> str:
    """Items of a label like "discover pages" a second, or seconds an item below one a second; "" for none."""
    if not rate:
        return ""
    item = label.split(",")[0].split()[-1].removesuffix("s")
    return f"{rate:.0f}/s" if rate >= 1 else f"{1 / rate:.1f} s/{item}"
