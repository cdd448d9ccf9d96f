"""The download of a daily id export: every film on TMDb with its popularity that day, the only history TMDb publishes.

The request, its retries, and the errors for days that are not available; `file` unpacks what arrives.

Reference: https://developer.themoviedb.org/docs/daily-id-exports
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import requests
import urllib3.exceptions

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb import errors
from tmdb_assets.tmdb.errors import Fault, TmdbError, UnreachableError
from tmdb_assets.tmdb.export.file import DamageError, ExportFile, Unpacker
from tmdb_assets.tmdb.limits.running import running_seconds
from tmdb_assets.tmdb.limits.tries import Tries, retrying
from tmdb_assets.tmdb.route import find_route, user_agent
from tmdb_assets.tmdb.transport import Adapter, ends_at

if TYPE_CHECKING:
    from tmdb_assets.tmdb.stats import FetchStats

Watch = Callable[[int, int], None]

_READ_BYTES = 65_536
_DUE = dt.time(8, tzinfo=dt.UTC)
_SETTING = "TMDB_EXPORT_URL"
_EXAMPLE = "https://files.tmdb.org/p/exports"
_NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class ExportNotYetError(TmdbError):
    """The export of today or yesterday is not published yet; try later."""

    retry = Retry.LATER


class ExportGoneError(TmdbError):
    """The export of an older day is no longer published; retrying does not help."""

    retry = Retry.NEVER


class ExportCorruptError(TmdbError):
    """The export was cut short or damaged, even after retries; nothing of it is used."""

    retry = Retry.LATER


class _TooSlowError(Exception):
    """The time for the download is over; never leaves this module."""


def export_name(day: dt.date) -> str:
    """Return the file name of a day's export."""
    return f"movie_ids_{day:%m_%d}_{day.year:04}.json.gz"


def fetch_export(
    base_url: str,
    day: dt.date,
    *,
    now: dt.datetime,
    stats: FetchStats,
    watch: Watch | None = None,
    retry_seconds: float = 18,
    download_seconds: float = 600,
    timeouts: tuple[float, float] = (3.05, 10),
    clock: Callable[[], float] = running_seconds,
    sleep: Callable[[float], None] = time.sleep,
) -> ExportFile:
    """Download and check the export of `day` from `base_url` (like https://files.tmdb.org/p/exports).

    It is unzipped, checked (gzip checksum and length) and reduced to id and popularity as it arrives: neither memory
    nor disk holds all of it. A line that is not JSON with an integer `id` from 1 to 2^63 - 1 and a finite `popularity`
    of 0 or more is skipped and counted. No token is sent and redirects are not followed; proxies and certificates are
    as for `TmdbClient`.

    `now` (aware, UTC) decides whether a missing day is not published yet or no longer. Faults are retried for at most
    `retry_seconds`, not counting the time in which bytes arrive; the download ends `download_seconds` after its start.
    `timeouts` are for connecting and reading, in seconds. `stats` counts the requests. `watch` is called as bytes
    arrive, with their number so far and the Content-Length (not if there is none); a retry starts from 0. `clock`
    (monotonic seconds) and `sleep` are replaced together.

    Raises `ExportNotYetError`, `ExportGoneError`, `ExportCorruptError`, `UnreachableError`, `BadRequestError`.
    """
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(tempfile.TemporaryFile())
        with closing(Adapter()) as adapter:
            download = _Download(base_url, day, now, adapter, timeouts, clock, download_seconds, stats, watch)
            tries = Tries(retry_seconds, download.waiting_clock)
            outcome: Unpacker | Fault | TmdbError = retrying(sleep, stats.count_retry)(download.attempt, tries, file)
        if isinstance(outcome, Fault):
            outcome = download.final(outcome, tries)
        if isinstance(outcome, TmdbError):
            raise outcome
        opened.pop_all()
    return ExportFile(file, outcome.lines, outcome.skipped)


@dataclass
class _Download:
    """The tries to download one export; each rewrites the file."""

    base_url: str
    day: dt.date
    now: dt.datetime
    adapter: Adapter
    timeouts: tuple[float, float]
    clock: Callable[[], float]
    seconds: float
    stats: FetchStats
    watch: Watch | None
    flowing: float = 0.0

    def __post_init__(self) -> None:
        self.until = self.clock() + self.seconds
        self.host, self.proxies, self.verify = find_route(self.base_url, _SETTING, _EXAMPLE)
        self.target = "/" + export_name(self.day)

    def waiting_clock(self) -> float:
        """Return the clock less the time in which bytes arrived: 28 MB over a slow line must not use up the retries."""
        return self.clock() - self.flowing

    def attempt(self, tries: Tries, file: IO[bytes]) -> Unpacker | Fault | TmdbError:
        """Try once to download the export to `file`."""
        self.stats.count_request(self.clock(), 0.0)
        tries.begin()
        outcome = self._send(file)
        tries.end(outcome if isinstance(outcome, Fault) else None)
        return outcome

    def _send(self, file: IO[bytes]) -> Unpacker | Fault | TmdbError:
        try:
            # The file itself is gzip: no proxy may compress or decompress it.
            headers = {"Accept-Encoding": "identity", "User-Agent": user_agent()}
            request = requests.Request("GET", self.base_url.rstrip("/") + self.target, headers).prepare()
            with ends_at(self.clock, self.until):
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
                return self._receive(response, Unpacker(file, self._check))
            except DamageError as damage:
                return errors.unreadable(str(damage))
            except _TooSlowError:
                return self._too_slow()
            finally:
                self.stats.count_answer(size=response.raw.tell())

    def _receive(self, response: requests.Response, unpacker: Unpacker) -> Unpacker | Fault | TmdbError:
        promised, last = response.raw.length_remaining or 0, self.clock()
        while True:
            # Only errors of the network are classified: a full disk is no fault of TMDb.
            try:
                part = response.raw.read1(_READ_BYTES, decode_content=False)
            except _NETWORK_ERRORS as error:
                return self._classified(error)
            if not part:
                break
            unpacker.feed(part)
            now = self.clock()
            self.flowing, last = self.flowing + now - last, now
            if self.watch and promised:
                self.watch(response.raw.tell(), promised)
            self._check()
        unpacker.finish()
        return unpacker

    def _check(self) -> None:
        if self.clock() > self.until:
            raise _TooSlowError

    def _too_slow(self) -> TmdbError:
        return UnreachableError(
            f"{self.host} is too slow: the id export of {self.day} was not there after {self.seconds:.0f} s",
            action="Check the network",
            cause=f"{self.host} is too slow",
        )

    def _classified(self, error: Exception) -> Fault | TmdbError:
        if self.clock() > self.until:
            return self._too_slow()
        return errors.classify_exception(error, self.host, _SETTING)

    def _refused(self, response: requests.Response) -> Fault | TmdbError:
        status = response.status_code
        if status in (403, 404):  # the file store answers 403 for a missing file
            return self._missing(status)
        # The body is not read: this is the file store, which does not answer in the API's words.
        outcome = errors.classify_status(status, response.headers, b"{}", self.target, self.now)
        if isinstance(outcome, Fault):
            return outcome
        return errors.BadRequestError(
            f"{self.host} does not serve the id export of {self.day} ({status})",
            action=f"Set {_SETTING} to the final address of the exports, usually {_EXAMPLE}",
            setting=_SETTING,
            cause=f"{self.host} does not serve the id export ({status})",
        )

    def _missing(self, status: int) -> TmdbError:
        if self.now.date() - self.day <= dt.timedelta(days=1):
            due = dt.datetime.combine(self.day, _DUE)
            is_due = self.now >= due
            what = f"{'late' if is_due else 'not published yet'} ({status})"
            return ExportNotYetError(
                f"The id export of {self.day} is {what}: TMDb publishes it by {due:%Y-%m-%d %H:%M} UTC; it is "
                f"{self.now:%Y-%m-%d %H:%M} UTC",
                retry_at=self.now + dt.timedelta(hours=1) if is_due else due,
                cause=f"the id export is {what}: due by {due:%Y-%m-%d %H:%M} UTC",
            )
        gone = f"no longer published ({status}): TMDb keeps exports for about 3 months"
        return ExportGoneError(
            f"The id export of {self.day} is {gone}",
            action=f"If the exports of newer days are missing too, check {_SETTING}",
            setting=_SETTING,
            cause=gone,
        )

    def final(self, fault: Fault, tries: Tries) -> TmdbError:
        """Return the error for a fault that outlasted its retries."""
        if fault.unreadable:
            return ExportCorruptError(
                f"The id export of {self.day} from {self.host} is damaged ({tries.spent}, last: {fault.cause}). "
                "Nothing of it was used",
                cause="the id export is damaged",
            )
        return errors.final_error(fault, tries.spent, host=self.host, setting=_SETTING, target=self.target)
