"""Where Dagster offers only a sentence: the one module that matches its texts, with a test that provokes each."""

from __future__ import annotations

import io
import logging
from typing import TextIO

EVENT_NOT_STORED = "Exception while writing logger call to event log"  # printed for every event that is lost
STORAGE_RETRY = "Retrying failed database "  # logged for each of ten attempts


class WithoutLostEvents(io.TextIOBase):
    """stderr without the message that Dagster prints for every event it cannot store: the outage is reported once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text unless it is that message."""
        return len(text) if text.startswith(EVENT_NOT_STORED) else self._stream.write(text)

    def fileno(self) -> int:
        """The underlying file, which Dagster needs to capture a step's output."""
        return self._stream.fileno()

    def flush(self) -> None:
        """Flush the underlying stream."""
        self._stream.flush()


def is_no_storage_retry(record: logging.LogRecord) -> bool:
    """A log filter that drops the line of each attempt of Dagster's storage: the last attempt's error is raised."""
    return not record.getMessage().startswith(STORAGE_RETRY)


def shorten_error(record: logging.LogRecord) -> bool:
    """A log filter that shows a plain error of Dagster, a sentence, without its place in the code; drops nothing."""
    error = record.exc_info[1] if record.exc_info else None
    if type(error) is Exception:
        record.msg, record.args, record.exc_info = str(error), (), None
    return True
