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
    from collections.abc import Container, Iterator

# The block unzipped at a time, and the longest line that can be valid: titles take a few hundred bytes.
_BLOCK_BYTES = 1 << 20
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

    `lines` counts the lines so far, `skipped` those without a usable film.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.lines = self.skipped = 0
        self._file = file
        self._gzip = zlib.decompressobj(wbits=31)
        self._rest = b""

    def feed(self, part: bytes) -> None:
        """Process the next bytes. Raises `DamageError` when they are not gzip, or a line is not JSON or too long."""
        while part:
            if self._gzip.eof:  # a file may have several gzip members: RFC 1952, 2.2
                self._gzip = zlib.decompressobj(wbits=31)
            try:
                text = self._gzip.decompress(part, _BLOCK_BYTES)
            except zlib.error:
                raise DamageError("not valid gzip") from None
            part = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
            lines = (self._rest + text).split(b"\n")
            self._rest = lines.pop()
            if len(self._rest) > _BLOCK_BYTES:
                raise DamageError(f"line {self.lines + 1} is longer than a film's can be")
            self._pack(lines)

    def finish(self) -> None:
        """End the export. Raises `DamageError` when it is incomplete or contains no film."""
        if not self._gzip.eof:
            raise DamageError("cut short")
        self._pack([self._rest])
        if self.lines == self.skipped:
            raise DamageError(f"no film in {self.lines} lines")

    def _pack(self, lines: list[bytes]) -> None:
        # A million passes: local names, and exact types in place of isinstance (a bool is not a number).
        rows, loads, pack, largest = bytearray(), orjson.loads, _ROW.pack, sys.float_info.max
        for line in lines:
            try:
                film = loads(line)
            except orjson.JSONDecodeError:
                if not line.strip():
                    continue
                film = self._read_leniently(line)
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

    def _read_leniently(self, line: bytes) -> Any:
        """Parse what orjson rejects: a lone surrogate or a NUL in a broken title, and NaN."""
        try:
            return json.loads(line.decode("utf-8"), strict=False)
        except (ValueError, RecursionError):
            raise DamageError(f"line {self.lines + 1} is not JSON") from None
