"""What Dagster says in a sentence only: the one module that matches its words, with a test that provokes each."""

from __future__ import annotations

import io
import logging
from typing import TextIO

EVENT_NOT_STORED = "Exception while writing logger call to event log"  # printed for every event that is lost
STORAGE_RETRY = "Retrying failed database "  # logged for each of ten tries


class WithoutLostEvents(io.TextIOBase):
    """stderr without what Dagster prints there of each event that it cannot store: the outage is reported once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass the text on."""
        return len(text) if text.startswith(EVENT_NOT_STORED) else self._stream.write(text)

    def fileno(self) -> int:
        """The file of the stream beneath, by which Dagster keeps a step's output."""
        return self._stream.fileno()

    def flush(self) -> None:
        """Flush the stream beneath."""
        self._stream.flush()


def is_no_storage_retry(record: logging.LogRecord) -> bool:
    """A log filter without the line that Dagster's storage writes for each try: the last one's error is raised."""
    return not record.getMessage().startswith(STORAGE_RETRY)
