"""The file of a daily id export: unzipped and checked as it arrives, kept as one packed row a film."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Container, Iterator

    from tmdb_assets.tmdb.stats import FetchStats

# What is unzipped at a time, and the longest line that is believed: titles are a few hundred bytes.
_BLOCK_BYTES = 1 << 20
_ROW = struct.Struct("<qd")
_ROWS_READ = 8_192
_LARGEST_ID = 2**63 - 1


class DamageError(Exception):
    """What came is no export; the text says why. `fetch_export` tries again and never lets it out."""


class ExportFile:
    """The export of `day`, complete and checked; a context manager whose temporary file ends with it.

    `lines` counts the lines, `skipped` those without a usable film, `stats` what the download took.
    """

    def __init__(self, day: dt.date, file: IO[bytes], lines: int, skipped: int, stats: FetchStats) -> None:
        self.day, self.lines, self.skipped, self.stats = day, lines, skipped, stats
        self._file = file

    def rows(self, known: Container[int] | None, chunk: int = 50_000) -> Iterator[list[tuple[int, float]]]:
        """Yield the films as lists of at most `chunk` (movie_id, popularity), in the order of the export.

        `known` selects the ids to yield, None all. Adult films and videos are among them; an id that the export
        repeats comes as often. Can be called again. Raises `ValueError` for a `chunk` below 1.
        """
        if chunk < 1:
            raise ValueError(f"chunk must be 1 or more, not {chunk}")
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
    """Takes the compressed export in parts, checks it, and writes one packed row a film to `file`.

    `lines` counts the lines so far, `skipped` those without a usable film.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.lines = self.skipped = 0
        self._file = file
        self._gzip = zlib.decompressobj(wbits=31)
        self._rest = b""

    def feed(self, part: bytes) -> None:
        """Take the next bytes. Raises `DamageError`."""
        while part:
            if self._gzip.eof:  # one gzip member may follow another: RFC 1952, 2.2
                self._gzip = zlib.decompressobj(wbits=31)
            try:
                text = self._gzip.decompress(part, _BLOCK_BYTES)
            except zlib.error:
                raise DamageError("not sound gzip") from None
            part = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
            lines = (self._rest + text).split(b"\n")
            self._rest = lines.pop()
            if len(self._rest) > _BLOCK_BYTES:
                raise DamageError(f"line {self.lines + 1} is longer than a film's can be")
            self._pack(lines)

    def finish(self) -> None:
        """Take the end of the export. Raises `DamageError` when it is not the end, or nothing was in it."""
        if not self._gzip.eof:
            raise DamageError("cut short")
        self._pack([self._rest])
        if self.lines == self.skipped:
            raise DamageError(f"no film in {self.lines} lines")

    def _pack(self, lines: list[bytes]) -> None:
        # A million passes: local names, and exact types instead of isinstance (a bool is no number here).
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
        """Parse what orjson is too strict for and a broken title may hold (half a surrogate pair, a NUL), or NaN."""
        try:
            return json.loads(line.decode("utf-8"), strict=False)
        except (ValueError, RecursionError):
            raise DamageError(f"line {self.lines + 1} is not JSON") from None
