"""The client of the TMDb API v3: concurrent requests within one rate limit, and their retries.

Reference: https://developer.themoviedb.org/reference/intro/getting-started
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from tmdb_assets.tmdb.errors import (
    DayOverError,
    Fault,
    TmdbError,
    UnauthorizedError,
    UnreadableAnswerError,
    checked_token,
    classify_exception,
    classify_status,
    final_error,
    missing_endpoint,
    refused_error,
    unreadable,
)
from tmdb_assets.tmdb.limits.pace import Pace, thread_count
from tmdb_assets.tmdb.limits.running import running_seconds
from tmdb_assets.tmdb.limits.tries import LONGEST_WAIT_SECONDS, MOST_WAITED_SECONDS, Tries, retrying
from tmdb_assets.tmdb.payload import Answer, read_answer
from tmdb_assets.tmdb.route import find_route, user_agent
from tmdb_assets.tmdb.stats import FetchStats
from tmdb_assets.tmdb.transport import LARGEST_BODY_BYTES, Adapter, TooLargeError, ends_at, read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

__all__ = ["Answer", "FetchStats", "TmdbClient"]

Key = TypeVar("Key")

API_URL = "TMDB_API_URL"
WORKERS = 64
"""Requests at once, at most."""
_ENDING = (UnauthorizedError, DayOverError)  # after these no request can succeed


class _StoppedError(Exception):
    """The fetch that this thread works for has ended; never leaves this module."""


class TmdbClient:
    """Sends at most `rate_limit` requests per second (0: no limit), over all threads.

    At most `workers` requests are open at once. A failed one is retried with growing waits for at most `retry_seconds`,
    and a call ends within `retry_seconds` + 10 s. Not counted: waits for the rate limit, and time in which this process
    was stopped.

    After a 429 all threads slow down (`Pace`) and pause for its Retry-After. The call fails at once if that is over
    120 s, or if it would wait more than 600 s in all, or TMDb has answered only 429s for as long. `say`, which can be
    set at any time, receives a line when the rate falls, recovers, or a long wait begins, from one thread at a time.

    The token is sent in the Authorization header only; redirects are not followed; cookies and .netrc are not used;
    HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE are honoured. `append` lists what is requested with a film's details,
    like `credits`. `read_timeout` is in seconds. `clock` (monotonic seconds) and `sleep` are replaced together. Answers
    are stamped with `now` (aware, UTC); once `day` is set, only requests sent and answered on that date succeed.

    Raises `UnauthorizedError` for a token that no header can carry, `UnreachableError` for an unusable address.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        language: str = "en-US",
        append: tuple[str, ...] = (),
        rate_limit: float = 40,
        workers: int = WORKERS,
        retry_seconds: float = 18,
        read_timeout: float = 10,
        clock: Callable[[], float] = running_seconds,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], dt.datetime] | None = None,
    ) -> None:
        self.language = language
        self._append = append
        self.say: Callable[[str], None] | None = None
        self.now: Callable[[], dt.datetime] = now or partial(dt.datetime.now, dt.UTC)
        self.day: dt.date | None = None
        self.stats = FetchStats()
        self._base_url = base_url.rstrip("/")
        self._host, self._proxies, self._verify = find_route(base_url, API_URL, "https://api.themoviedb.org/3")
        self._token = checked_token(token)
        self._headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(
            {
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Cache-Control": "no-cache",  # a proxy's stored page has another day's figures
                "User-Agent": user_agent(),
            }
        )
        self._workers = thread_count(rate_limit, workers)
        self._retry_seconds = retry_seconds
        self._timeouts = (3.05, read_timeout)
        self._clock, self._sleep = clock, sleep
        self._pace = Pace(rate_limit, clock=clock, sleep=self._pause, log=self._log)
        self._adapter = Adapter(pool_maxsize=self._workers)
        self._thread = threading.local()
        self._retrying = retrying(self._pause, self.stats.count_retry)

    def get(self, path: str, /, **params: Any) -> Answer:
        """Request `path` (like `/movie/550`). Raises any `TmdbError`; 200 and 404 are answers."""
        result = self._fetch(path, params)
        if isinstance(result, TmdbError):
            raise result
        return result

    def fetch_many(
        self, requests: Iterable[tuple[Key, str, Mapping[str, Any]]]
    ) -> Generator[tuple[Key, Answer | TmdbError]]:
        """Send many (key, path, params) concurrently; yield (key, answer) in the order they complete.

        A request that fails after its retries yields its error in place of an answer. The iterable is read in the
        caller's thread, at most two requests per worker ahead. Closing the iterator drops what has not been sent.

        Raises `UnauthorizedError` for a refused token and `DayOverError` at the end of `day`, which end all requests.
        """
        source = iter(requests)
        todo: SimpleQueue[tuple[Key, str, Mapping[str, Any]] | None] = SimpleQueue()
        done: SimpleQueue[tuple[Key, Answer | Exception]] = SimpleQueue()
        stop, threads, pending = threading.Event(), list[threading.Thread](), 0
        try:
            while True:
                while pending < 2 * self._workers and (request := next(source, None)) is not None:
                    todo.put(request)
                    pending += 1
                    if len(threads) < min(self._workers, pending):
                        # Daemons: a process that exits does not wait for answers that nobody reads.
                        threads.append(
                            threading.Thread(target=self._work, args=(todo, done, stop), name="tmdb-fetch", daemon=True)
                        )
                        threads[-1].start()
                if pending == 0:
                    return
                key, result = done.get()
                pending -= 1
                if isinstance(result, _ENDING) or not isinstance(result, (Answer, TmdbError)):
                    raise result
                yield key, result
        finally:
            stop.set()
            for _ in threads:
                todo.put(None)
            # A thread ends with the request that it has open; the wait is short, as the user may have interrupted.
            deadline = time.monotonic() + 1
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def details(self, movie_ids: Iterable[int]) -> Generator[tuple[int, Answer | TmdbError]]:
        """Request GET /movie/{id} for each film, with `append`; like `fetch_many`, keyed by the id."""
        params = {"language": self.language}
        if self._append:
            params["append_to_response"] = ",".join(self._append)
        return self.fetch_many((movie_id, f"/movie/{movie_id}", params) for movie_id in movie_ids)

    def reference(self, path: str) -> list[Any]:
        """Request TMDb's list of genres, countries or languages, and return its entries.

        Raises `UnreadableAnswerError` if there is no list, `BadRequestError` for a 404, or any other `TmdbError`.
        """
        answer = self.get(path, language=self.language)
        if answer.status == 404:
            raise missing_endpoint(path)
        entries = answer.payload.get("genres") if isinstance(answer.payload, dict) else answer.payload
        if not isinstance(entries, list):
            raise UnreadableAnswerError(f"TMDb's answer to {path} has no list of genres")
        return entries

    def close(self) -> None:
        """Close the open connections; a later request opens new ones."""
        self._adapter.close()

    def _work(
        self,
        todo: SimpleQueue[tuple[Key, str, Mapping[str, Any]] | None],
        done: SimpleQueue[tuple[Key, Answer | Exception]],
        stop: threading.Event,
    ) -> None:
        self._thread.stop = stop
        while (request := todo.get()) is not None and not stop.is_set():
            key, path, params = request
            result: Answer | Exception
            try:
                result = self._fetch(path, params)
            except _StoppedError:
                return
            except Exception as error:
                result = error  # raised again in the caller's thread
            done.put((key, result))
            if isinstance(result, _ENDING):
                stop.set()

    def _pause(self, seconds: float) -> None:
        stop: threading.Event | None = getattr(self._thread, "stop", None)
        if self._sleep is not None:
            self._sleep(seconds)
        elif stop is not None:
            stop.wait(seconds)
        else:
            time.sleep(seconds)
        if stop is not None and stop.is_set():
            raise _StoppedError

    def _fetch(self, path: str, params: Mapping[str, Any]) -> Answer | TmdbError:
        query = urlencode({name: value for name, value in params.items() if value is not None})
        target = quote(path) + (f"?{query}" if query else "")
        tries = Tries(self._retry_seconds, self._clock)
        outcome: Answer | Fault | TmdbError = self._retrying(self._try, tries, path, target)
        if isinstance(outcome, Fault):
            if outcome.kind == "429":
                return refused_error(self._host, tries.count, tries.all_seconds, outcome.retry_after, self.now())
            return final_error(outcome, tries.spent, host=self._host, setting=API_URL, target=target)
        if isinstance(outcome, Answer):
            self.stats.count_answer(removed_characters=outcome.removed_characters, not_found=outcome.status == 404)
            return self._day_over(outcome.fetched_at) or outcome
        return outcome

    def _day_over(self, moment: dt.datetime) -> DayOverError | None:
        if self.day is None or moment.date() == self.day:
            return None
        return DayOverError(f"{self.day} has ended (midnight UTC): nothing more is requested for it")

    def _try(self, tries: Tries, path: str, target: str) -> Answer | Fault | TmdbError:
        queued = self._clock()
        sent = self._pace.acquire()
        if over := self._day_over(self.now()):
            return over
        self.stats.count_request(sent, sent - queued)
        tries.begin(sent - queued)
        outcome: Answer | Fault | TmdbError
        try:
            outcome = self._send(path, target, tries.deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            outcome = classify_exception(error, self._host, API_URL)
        fault = outcome if isinstance(outcome, Fault) else None
        tries.end(fault)
        if fault is not None and fault.kind == "429":
            return self._refused(fault, sent, tries)
        if fault is None or fault.answered:
            self._pace.accept()
        return outcome

    def _refused(self, fault: Fault, sent: float, tries: Tries) -> Fault | TmdbError:
        """Slow down after a 429; return an error once TMDb has answered only 429s for too long."""
        wait = fault.retry_after or 0.0
        # A wait that is too long for this request does not stop the others: each decides by its own answers.
        hold = wait if wait <= LONGEST_WAIT_SECONDS else min(wait, self._retry_seconds)
        refused_seconds = self._pace.refuse(hold, sent)
        self.stats.count_answer(rate_limited=True)
        if refused_seconds + wait > MOST_WAITED_SECONDS:
            return refused_error(self._host, tries.count, refused_seconds, fault.retry_after, self.now())
        return fault

    def _log(self, line: str) -> None:
        if (say := self.say) is not None:
            say(line)

    def _send(self, path: str, target: str, deadline: float) -> Answer | Fault | TmdbError:
        request = requests.PreparedRequest()
        request.method, request.url, request.headers = "GET", self._base_url + target, self._headers
        # Not a Session: so no cookies, no .netrc and no redirects, and it is faster.
        with ends_at(self._clock, deadline):
            response = self._adapter.send(
                request, stream=True, timeout=self._timeouts, verify=self._verify, proxies=self._proxies
            )
        try:
            body = read_body(response, self._clock, deadline)
        except TooLargeError:
            return unreadable(f"larger than {LARGEST_BODY_BYTES >> 20} MB")
        finally:
            self.stats.count_answer(size=response.raw.tell())
            response.close()
        if response.status_code in (200, 404):
            try:
                return read_answer(path, response.status_code, body, self.now())
            except ValueError as error:
                return unreadable(str(error))
        # Parts of an error answer are shown, and a server may echo the token.
        shown = {name: value.replace(self._token, "***") for name, value in response.headers.items()}
        body = body.replace(self._token.encode(), b"***")
        return classify_status(response.status_code, CaseInsensitiveDict(shown), body, target, self.now())
