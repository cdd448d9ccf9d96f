"""The load server's answers: made before the first request where possible, counted, and limited to a rate."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.films import export_of
from benchmarks.parts import SETS, appended_json
from tmdb_assets.tmdb.sandbox.catalogue import Catalogue
from tmdb_assets.tmdb.sandbox.routes import CHANGES_PAGE_SIZE, EXPORTS_PATH, PAGE_SIZE, Reply, fault, respond
from tmdb_assets.tmdb.sandbox.server import Sandbox

TOKEN = Sandbox.token
COUNT_PATH = "/requests"  # the requests so far, as `Traffic.counts` returns them
EXPORT_DAYS = 90
REFUSED = 25  # TMDb's status_code of a request over the limit
_AUTHORISED = {"authorization": f"Bearer {TOKEN}"}
_AUTHORISATION = f"\r\nauthorization: bearer {TOKEN}\r\n".encode()
_PAGE = re.compile("(?:^|&)page=([0-9]+)")
_EXPORT = re.compile(EXPORTS_PATH + r"/movie_ids_([0-9]{2})_([0-9]{2})_([0-9]{4})\.json\.gz")
# Prefix of a path -> the kind of its requests; the first match counts.
_KINDS = {
    EXPORTS_PATH: "export",
    "/3/discover/": "discover",
    "/3/movie/changes": "changes",
    "/3/movie/": "details",
}


class Traffic:
    """Counts requests by kind and refuses those over `rate` per second (0: no limit); a burst is one second's worth.

    Exports are counted but come from another host of TMDb: they are neither refused nor part of the peak.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._level, self._filled_at = rate, clock()
        self._recent: deque[float] = deque()
        self._refused = self._peak = 0
        self._kinds: dict[str, dict[str, float]] = {}

    def admit(self, path: str) -> bool:
        """Count a request; False when it is over the rate."""
        now = self._clock()
        kind = next((kind for prefix, kind in _KINDS.items() if path.startswith(prefix)), "reference")
        counted = self._kinds.setdefault(kind, {"requests": 0, "first": now, "last": now})
        counted["requests"] += 1
        counted["last"] = now
        if kind == "export":
            return True
        self._recent.append(now)
        while self._recent[0] <= now - 1:
            self._recent.popleft()
        self._peak = max(self._peak, len(self._recent))
        if not self._rate:
            return True
        self._level = min(self._rate, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._level < 1:
            self._refused += 1
            return False
        self._level -= 1
        return True

    def counts(self) -> dict[str, Any]:
        """All requests, those refused, the most in any second, and by kind with the times of the first and last."""
        requests = sum(counted["requests"] for counted in self._kinds.values())
        return {"requests": requests, "refused": self._refused, "peak": self._peak, "kinds": self._kinds}


class Answers(ABC):
    """Every answer of the API as the bytes of an HTTP response."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def find(self, head: bytes) -> bytes:
        """The answer to one request, given its head up to and including the empty line."""
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        path, _, query = target.partition("?")
        if path == COUNT_PATH:
            return message((200, self._traffic.counts()))
        if not self._traffic.admit(path):
            return message(fault(REFUSED))
        if not target.startswith(EXPORTS_PATH + "/") and _AUTHORISATION not in head.lower():
            return message(fault(7))
        return self._answer(path, query) if method == "GET" else message(fault(42))

    @abstractmethod
    def _answer(self, path: str, query: str) -> bytes:
        """The answer to a GET with a valid token."""


class FilmAnswers(Answers):
    """The answers from a sandbox's catalogue. `listed` holds the change lists: day -> ids; other days have none.

    The exports of `export_days` days are made before the first request; the others, up to 90, when requested.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        traffic: Traffic,
        listed: Mapping[dt.date, Collection[int]] | None = None,
        export_days: int = 0,
    ) -> None:
        super().__init__(traffic)
        self._catalogue = catalogue
        self._listed = listed or {}
        # Sorted once, so that the sandbox's sort for each page costs almost nothing.
        catalogue.films = dict(sorted(catalogue.films.items(), key=lambda item: (-item[1]["popularity"], item[0])))
        pages = range(1, math.ceil(len(catalogue.films) / PAGE_SIZE) + 2)
        targets = [("/3/discover/movie", str(page)) for page in pages]
        targets += [(f"/3/movie/{film}", "") for film in catalogue.films]
        targets += [(f"/3/{path}", "") for path in catalogue.reference]
        self._ready = {target: self._make(*target) for target in targets}
        self._exports: dict[dt.date, bytes] = {}
        for back in range(export_days):
            self._export(catalogue.day - dt.timedelta(days=back))

    def _answer(self, path: str, query: str) -> bytes:
        if named := _EXPORT.fullmatch(path):
            month, day, year = (int(part) for part in named.groups())
            return self._export(dt.date(year, month, day))
        if path == "/3/movie/changes":
            return message(self._changes(dict(parse_qsl(query))))
        page = _PAGE.search(query)
        is_slice = "release_date." in query  # not the appended release_dates
        ready = None if is_slice else self._ready.get((path, page[1] if page else ""))
        if ready and "append_to_response=" in query:
            film = ready.split(b"\r\n\r\n", 1)[1]
            return message((200, film[:-1] + b"," + appended_json(int(path.rpartition("/")[2]) % SETS) + b"}"))
        return ready or message(respond(self._catalogue, f"{path}?{query}", _AUTHORISED))

    def _make(self, path: str, page: str) -> bytes:
        target = f"{path}?page={page}" if page else path
        return message(respond(self._catalogue, target, _AUTHORISED))

    def _export(self, day: dt.date) -> bytes:
        if not 0 <= (self._catalogue.day - day).days <= EXPORT_DAYS:
            return message(fault(34))
        if day not in self._exports:
            self._exports[day] = message((200, export_of(self._catalogue.films.values(), day)))
        return self._exports[day]

    def _changes(self, query: Mapping[str, str]) -> Reply:
        first, last = (dt.date.fromisoformat(query[name]) for name in ("start_date", "end_date"))
        days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
        found = sorted({film for day in days for film in self._listed.get(day, ())})
        return 200, page_of([{"id": film, "adult": False} for film in found], int(query["page"]), CHANGES_PAGE_SIZE)


def page_of(found: list[dict[str, Any]], page: int, size: int) -> dict[str, Any]:
    """One page of a list, in the API's shape."""
    return {
        "page": page,
        "results": found[size * (page - 1) : size * page],
        "total_pages": math.ceil(len(found) / size),
        "total_results": len(found),
    }


def message(reply: Reply) -> bytes:
    """A reply as the bytes of an HTTP response."""
    status, payload = reply
    if isinstance(payload, bytes):  # an id export, or a film with its parts
        body = payload
    else:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    wait = "Retry-After: 1\r\n" if status == HTTPStatus.TOO_MANY_REQUESTS else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json;charset=utf-8\r\n{wait}"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body
