"""The daily id export: every film TMDb knows with its popularity of the day, the only history TMDb publishes.

Reference: https://developer.themoviedb.org/docs/daily-id-exports
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import sys
import tempfile
import time
import zlib
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Self

import orjson
import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.client import _route, _version
from tmdb_assets.tmdb.errors import Fault, TmdbError
from tmdb_assets.tmdb.pace import FetchStats, Tries, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

_KEPT = "What is already stored is kept"
_READ_BYTES = 65_536
# What is unzipped at a time, and the longest line that is believed: titles are a few hundred bytes.
_BLOCK_BYTES = 1 << 20
_ROW = struct.Struct("<qd")
_ROWS_READ = 8_192
_LARGEST_ID = 2**63 - 1
_DUE = dt.time(8, tzinfo=dt.UTC)
# The client's errors name the API's variable, the reader of these has to look at the other one.
_VARIABLES = ("TMDB_API_URL", "TMDB_EXPORT_URL")
_NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class ExportNotYetError(TmdbError):
    """The export of today or yesterday is not published yet: asking again later helps."""


class ExportGoneError(TmdbError):
    """The export of an older day is not published (any more): asking again does not help."""


class ExportCorruptError(TmdbError):
    """The export is cut short or damaged, also after the retries; nothing of it is used."""


class _DamageError(Exception):
    """What came is no export; the text says why. Never leaves this module."""


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


def fetch_export(
    base_url: str,
    day: dt.date,
    *,
    now: dt.datetime,
    stats: FetchStats | None = None,
    retry_seconds: float = 18,
    download_seconds: float = 600,
    timeouts: tuple[float, float] = (3.05, 10),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExportFile:
    """Download and check the export of `day` from `base_url` (like https://files.tmdb.org/p/exports).

    It is unzipped, checked (gzip checksum and length, each line JSON) and reduced to id and popularity as it
    arrives, so that neither memory nor disk holds it whole. A line that is JSON, but no object with a whole `id`
    from 1 to 2^63 - 1 and a finite `popularity` of 0 or more, is skipped and counted. No token is sent, redirects
    are not followed, proxies and certificates are as for `TmdbClient`.

    `now` (aware) tells a day that is not published yet from one that is no longer. Faults are retried for at most
    `retry_seconds`, in which the time that bytes flow does not count; bytes are waited for until `download_seconds`
    after the start. `timeouts` are for connecting and for silence, in seconds. `stats` can be a client's, which
    then counts these requests too, with the same `clock` (monotonic seconds; replaced only together with `sleep`).

    Raises `ExportNotYetError`, `ExportGoneError`, `ExportCorruptError`, `UnreachableError`, `BadRequestError`.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    stats = FetchStats() if stats is None else stats
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(tempfile.TemporaryFile())
        with closing(HTTPAdapter()) as adapter:
            download = _Download(
                base_url, day, now.astimezone(dt.UTC), adapter, timeouts, clock, clock() + download_seconds, stats
            )
            tries = Tries(retry_seconds, download.waiting_clock)
            outcome: _Unpacker | Fault | TmdbError = retrying(sleep, stats.count_retry)(download.attempt, tries, file)
        if isinstance(outcome, Fault):
            outcome = download.final(outcome, tries)
        if isinstance(outcome, TmdbError):
            raise outcome
        opened.pop_all()
    return ExportFile(day, file, outcome.lines, outcome.skipped, stats)


@dataclass
class _Download:
    """The tries to get one export; each writes the file from its start."""

    base_url: str
    day: dt.date
    now: dt.datetime
    adapter: HTTPAdapter
    timeouts: tuple[float, float]
    clock: Callable[[], float]
    until: float
    stats: FetchStats
    flowing: float = 0.0

    def __post_init__(self) -> None:
        # Before _route, which would name the API's variable.
        self.host = errors.checked_host(self.base_url, "TMDB_EXPORT_URL", "https://files.tmdb.org/p/exports")
        _, self.proxies, self.verify = _route(self.base_url)
        self.target = f"/movie_ids_{self.day:%m_%d}_{self.day.year:04}.json.gz"

    def waiting_clock(self) -> float:
        """The clock without the time in which bytes came: 28 MB over a slow line must not use up the retries."""
        return self.clock() - self.flowing

    def attempt(self, tries: Tries, file: IO[bytes]) -> _Unpacker | Fault | TmdbError:
        """Try once to bring the export into `file`."""
        self.stats.count_request(self.clock(), 0.0)
        tries.begin()
        outcome = self._ask(file)
        tries.end(outcome if isinstance(outcome, Fault) else None)
        return outcome

    def _ask(self, file: IO[bytes]) -> _Unpacker | Fault | TmdbError:
        try:
            # The file is gzip by itself: nothing on the way shall pack or unpack it.
            headers = {"Accept-Encoding": "identity", "User-Agent": f"tmdb-assets/{_version()}"}
            request = requests.Request("GET", self.base_url.rstrip("/") + self.target, headers).prepare()
            response = self.adapter.send(
                request, stream=True, timeout=self.timeouts, verify=self.verify, proxies=self.proxies
            )
        except _NETWORK_ERRORS as error:
            return self._classified(error)
        with closing(response):
            if response.status_code != 200:
                return self._refused(response)
            file.seek(0)
            file.truncate()
            try:
                return self._receive(response, _Unpacker(file))
            except _DamageError as damage:
                return errors.unreadable(str(damage))
            finally:
                self.stats.count_answer(size=response.raw.tell())

    def _receive(self, response: requests.Response, unpacker: _Unpacker) -> _Unpacker | Fault | TmdbError:
        last = self.clock()
        while True:
            # Only the network is classified here: a full disk is not a fault of TMDb.
            try:
                part = response.raw.read1(_READ_BYTES, decode_content=False)
            except _NETWORK_ERRORS as error:
                return self._classified(error)
            if not part:
                break
            unpacker.feed(part)
            now = self.clock()
            self.flowing, last = self.flowing + now - last, now
            if now > self.until:
                return errors.UnreachableError(
                    f"{self.host} is too slow: the time for the id export of {self.day} was over after "
                    f"{response.raw.tell()} bytes. {_KEPT}; check the network and run again."
                )
        size, promised = response.raw.tell(), response.headers.get("Content-Length", "")
        if promised.isdecimal() and int(promised) != size:
            raise _DamageError(f"cut short after {size} of {promised} bytes")
        unpacker.finish()
        return unpacker

    def _classified(self, error: Exception) -> Fault | TmdbError:
        outcome = errors.classify_exception(error, self.host)
        return outcome if isinstance(outcome, Fault) else errors.UnreachableError(str(outcome).replace(*_VARIABLES))

    def _refused(self, response: requests.Response) -> Fault | TmdbError:
        status = response.status_code
        if status in (403, 404):  # the file store answers 403 for what it does not have
            return self._missing(status)
        # The body is not needed, and no token was sent: what TMDb's API would say in it does not apply.
        outcome = errors.classify_status(status, response.headers, b"", self.target)
        if isinstance(outcome, Fault):
            return outcome
        return errors.BadRequestError(
            f"{self.host} does not serve the id export of {self.day} ({status}). {_KEPT}; TMDB_EXPORT_URL must be "
            "the final address of the exports, usually https://files.tmdb.org/p/exports."
        )

    def _missing(self, status: int) -> TmdbError:
        if self.now.date() - self.day <= dt.timedelta(days=1):
            due = dt.datetime.combine(self.day, _DUE)
            what, when = ("is not published yet", "after that") if self.now < due else ("is late", "in an hour")
            return ExportNotYetError(
                f"The id export of {self.day} {what} ({status}): TMDb writes it from 07:00 UTC and has it there by "
                f"{due:%Y-%m-%d %H:%M} UTC; it is {self.now:%Y-%m-%d %H:%M} UTC. {_KEPT}; run again {when}."
            )
        return ExportGoneError(
            f"The id export of {self.day} is no longer published ({status}): TMDb keeps each for about 3 months. "
            f"{_KEPT}; this day cannot be had, unless newer ones are missing too: then check TMDB_EXPORT_URL."
        )

    def final(self, fault: Fault, tries: Tries) -> TmdbError:
        """The error for the user once a fault has outlasted its retries."""
        if fault.unreadable:
            return ExportCorruptError(
                f"The id export of {self.day} from {self.host} is damaged ({tries.count} "
                f"{'try' if tries.count == 1 else 'tries'}, last: {fault.cause}). Nothing of it was used and "
                f"{_KEPT.lower()}; run again later."
            )
        # Without its kind: the advice for a 429 is about the API's pace, which does not apply to this host.
        fault = replace(fault, kind="export")
        error = errors.final_error(fault, host=self.host, target=self.target, tries=tries.count, seconds=tries.seconds)
        return errors.UnreachableError(str(error).replace(*_VARIABLES))


class _Unpacker:
    """Takes the compressed export in parts, checks it, and writes one packed row a film to `file`."""

    def __init__(self, file: IO[bytes]) -> None:
        self.lines = self.skipped = 0
        self._file = file
        self._gzip = zlib.decompressobj(wbits=31)
        self._rest = b""

    def feed(self, part: bytes) -> None:
        """Take the next bytes. Raises `_DamageError`."""
        while part:
            if self._gzip.eof:  # one gzip member may follow another: RFC 1952, 2.2
                self._gzip = zlib.decompressobj(wbits=31)
            try:
                text = self._gzip.decompress(part, _BLOCK_BYTES)
            except zlib.error:
                raise _DamageError("not sound gzip") from None
            part = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
            lines = (self._rest + text).split(b"\n")
            self._rest = lines.pop()
            if len(self._rest) > _BLOCK_BYTES:
                raise _DamageError(f"line {self.lines + 1} is longer than a film's can be")
            self._pack(lines)

    def finish(self) -> None:
        """Take the end of the export. Raises `_DamageError` when it is not the end, or nothing was in it."""
        if not self._gzip.eof:
            raise _DamageError("cut short")
        self._pack([self._rest])
        if self.lines == self.skipped:
            raise _DamageError(f"no film in {self.lines} lines")

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
            raise _DamageError(f"line {self.lines + 1} is not JSON") from None
