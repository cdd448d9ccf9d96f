"""The file of a daily id export: unzipped and checked as it arrives, stored as one packed row per film."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

# The block unzipped at a time, and the most of a line that is kept: titles take a few hundred bytes.
_BLOCK_BYTES = 1 << 20
# TMDb's export has 1.2 million lines in 140 MB; eight times as much is no export.
MOST_BYTES = 1 << 30
MOST_LINES = 10_000_000
# Around a line or between gzip members: a byte order mark, padding, the end of a line from Windows.
_BOM, _PADDING = b"\xef\xbb\xbf", b"\0 \t\r"
_ROW = struct.Struct("<qd")
_ROWS_READ = 8_192
_LARGEST_ID = 2**63 - 1


class DamageError(Exception):
    """What arrived is not a valid export; the text says why. `fetch_export` retries it and never raises it."""


class ExportFile:
    """A complete, checked export; a context manager that deletes its temporary file.

    `lines` counts the lines, `skipped` those without a usable film.
    """

    def __init__(self, file: IO[bytes], lines: int, skipped: int) -> None:
        self.lines, self.skipped, self._file = lines, skipped, file

    def rows(self, known: Container[int] | None, chunk: int = 50_000) -> Iterator[list[tuple[int, float]]]:
        """Yield lists of at most `chunk` (movie_id, popularity), in the order of the export; can be called again.

        `known` selects ids, None selects all. Adult films and videos are included; repeated ids are yielded repeatedly.
        """
        films = self._read() if known is None else (film for film in self._read() if film[0] in known)
        while part := list(islice(films, chunk)):
            yield part

    def _read(self) -> Iterator[tuple[int, float]]:
        position = 0
        while self._file.seek(position) == position and (block := self._file.read(_ROWS_READ * _ROW.size)):
            position += len(block)
            yield from _ROW.iter_unpack(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Unpacker:
    """Unzips and checks an export as it arrives, and writes one packed row per film to `file`.

    `lines` counts the lines so far that are not blank, `skipped` those without a usable film: a broken line loses
    itself, not the file. `check` is called for each block of at most 1 MB and may raise, as at a deadline.
    """

    def __init__(self, file: IO[bytes], check: Callable[[], None] = lambda: None) -> None:
        self.lines = self.skipped = 0
        self._file, self._check = file, check
        self._gzip = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._bytes = self._ends = 0

    def feed(self, part: bytes) -> None:
        """Process the next bytes. Raises `DamageError` when they are not gzip, or more than an export can be."""
        while part:
            self._check()
            if self._gzip.eof:  # a file may have several gzip members (RFC 1952, 2.2), and padding between them
                if not (part := part.lstrip(b"\0")):
                    return
                self._gzip = zlib.decompressobj(wbits=31)
            try:
                text = self._gzip.decompress(part, _BLOCK_BYTES)
            except zlib.error:
                raise DamageError("not valid gzip") from None
            part = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
            self._split(text)

    def finish(self) -> None:
        """End the export. Raises `DamageError` when it is incomplete or contains no film."""
        if not self._gzip.eof:
            raise DamageError("cut short")
        self._pack([self._rest])
        if self.lines == self.skipped:
            raise DamageError(f"no film in {self.lines} lines")

    def _split(self, text: bytes) -> None:
        self._bytes += len(text)
        self._ends += text.count(b"\n")
        if self._bytes > MOST_BYTES or self._ends > MOST_LINES:
            raise DamageError(f"larger than {MOST_BYTES >> 20} MB or {MOST_LINES:,} lines")
        lines = (self._rest + text).split(b"\n")
        self._rest = lines.pop()[:_BLOCK_BYTES]  # of a line that is too long only the beginning: it is broken anyway
        self._pack(lines)

    def _pack(self, lines: list[bytes]) -> None:
        # A million passes: local names, and exact types in place of isinstance (a bool is not a number).
        rows, loads, pack, largest = bytearray(), orjson.loads, _ROW.pack, sys.float_info.max
        for line in lines:
            try:
                film = loads(line)
            except orjson.JSONDecodeError:
                if not (text := line.removeprefix(_BOM).strip(_PADDING)):
                    continue
                film = _read_leniently(text)
            self.lines += 1
            if type(film) is dict:
                movie_id, popularity = film.get("id"), film.get("popularity")
                if (
                    type(movie_id) is int
                    and 0 < movie_id <= _LARGEST_ID
                    and (type(popularity) is float or type(popularity) is int)
                    and 0 <= popularity <= largest
                ):
                    rows += pack(movie_id, popularity)
                    continue
            self.skipped += 1
        self._file.write(rows)


def _read_leniently(line: bytes) -> Any:
    """Parse what orjson rejects: a lone surrogate or a NUL in a broken title, and NaN. None for what is not JSON."""
    try:
        return json.loads(line.decode("utf-8"), strict=False)
    except (ValueError, RecursionError):
        return None
