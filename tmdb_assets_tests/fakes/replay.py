"""A replay server: serves a catalogue over loopback HTTP as the TMDb API would, with the faults that a test injects.

It imports nothing of the package under test. `replay_catalogue` holds what the API knows on one day, a `ReplayServer`
serves it; `server.catalogue = other` switches to another day.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from tmdb_assets_tests.fakes.replay_catalogue import MAX_PAGES, RECORDINGS, Catalogue
from tmdb_assets_tests.fakes.scripted_server import LoopbackServer, drop, reply
from tmdb_assets_tests.stage.waiting import PATIENCE_S

TOKEN = "replay-token"
KINDS = {
    "/discover/movie": "discover",
    "/genre/movie/list": "genres",
    "/configuration/countries": "countries",
    "/configuration/languages": "languages",
    "/movie/changes": "changes",
}
STATUS_CODES = {401: 7, 404: 34}  # TMDb's own, by HTTP status; 11 for any other
# The parameters of discover supported here; any other is refused instead of silently ignored.
DATES = ("primary_release_date.gte", "primary_release_date.lte")
DISCOVER_PARAMS = {"page", "sort_by", "include_adult", "include_video", "language", *DATES}


@cache
def _error(recording: str, status_code: int) -> dict[str, Any]:
    # Hand-made catalogues are served without the recordings too (a fresh clone).
    path = RECORDINGS / "errors" / f"{recording}.json"
    if path.is_file():
        return json.loads(path.read_bytes())
    return {"success": False, "status_code": status_code, "status_message": f"Replayed error {status_code}."}


@dataclass(frozen=True)
class Fault:
    """An action of the replay server: what goes wrong with one answer. The fields can be combined.

    The default is the true answer. `status` replaces it, without `body` by an error object in TMDb's shape; `body`
    without `status` is sent as is with status 200. `truncate` announces the full length and sends half, `drop` closes
    the connection without a byte, `delay` (seconds) comes first.
    """

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False
    drop: bool = False
    delay: float = 0.0

    def __call__(self, handler: Any) -> None:
        """Answer the handler's request."""
        if self.delay:
            handler.server.released.wait(self.delay)
        if self.drop:
            drop(handler)
            return
        status, payload = handler.true_answer
        headers = {"Content-Type": "application/json;charset=utf-8"}
        if self.status is not None:
            code = STATUS_CODES.get(self.status, 11)
            status, payload = self.status, {"success": False, "status_code": code, "status_message": "Replayed fault."}
        if self.body is not None:
            status, body = self.status or 200, self.body
        elif isinstance(payload, bytes):
            body = payload
        else:
            # UTF-8 as TMDb sends it; a lone surrogate, which UTF-8 cannot encode, becomes its JSON escape.
            text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
            body = text.encode("utf-8", "backslashreplace")
            if len(body) > 1000 and "gzip" in handler.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, compresslevel=1, mtime=0)
                headers["Content-Encoding"] = "gzip"
        sent, promised = (body[: len(body) // 2], len(body)) if self.truncate else (body, None)
        reply(status, sent, {**headers, **self.headers}, promised)(handler)


GARBAGE = Fault(body=b"<html><body>\x00\xff not JSON")
TRUNCATED = Fault(truncate=True)
DROPPED = Fault(drop=True)

Action = Callable[[Any], None]
FaultHook = Callable[[str, Mapping[str, str]], Action | None]


@dataclass(frozen=True)
class Asked:
    """One request: its kind, the path after `/3`, the query, and when it arrived (`time.monotonic`, seconds)."""

    kind: str
    path: str
    params: Mapping[str, str]
    at: float


class ReplayServer(LoopbackServer):
    """Serve a catalogue at `url` (ends with `/3`) to clients that send `token`; a context manager.

    `faults(path, params)` is called before each answer and may return what goes wrong: a `Fault` or any other action.
    """

    token = TOKEN

    def __init__(self, catalogue: Catalogue, faults: FaultHook | None = None) -> None:
        super().__init__()
        self.catalogue, self.faults = catalogue, faults
        self.url = f"http://{self.host}/3"
        self._asked: list[Asked] = []
        self._lock = threading.Lock()

    def choose_action(self, handler: Any) -> Action:
        """Record the request, and return the true answer or the hook's action."""
        parts = urlsplit(handler.path)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        is_known = parts.path.startswith(("/3/", "/p/exports/"))
        path = parts.path.removeprefix("/3") if is_known else "/.." + parts.path
        # Answered first, so that a request with a fault counts too.
        handler.true_answer = self.answer(path, params, handler.headers.get("Authorization"))
        return (self.faults(path, params) if self.faults else None) or Fault()

    def get(self, path: str, **params: Any) -> requests.Response:
        """The answer that a plain client with the token gets for a path after `/3`."""
        with requests.Session() as session:
            session.trust_env = False  # no proxy
            session.headers["Authorization"] = f"Bearer {self.token}"
            return session.get(self.url + path, params=params, timeout=PATIENCE_S)

    @property
    def asked(self) -> list[Asked]:
        """Every request since the start or the last `reset`, in order of arrival."""
        with self._lock:
            return list(self._asked)

    @property
    def requests(self) -> Counter[str]:
        """Requests by kind: discover, details, genres, countries, languages, changes, export, other."""
        return Counter(asked.kind for asked in self.asked)

    @property
    def paths(self) -> list[str]:
        """The requested paths, without `/3` and query, in order of arrival."""
        return [asked.path for asked in self.asked]

    def reset(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._asked.clear()

    def answer(self, path: str, params: Mapping[str, str], authorization: str | None) -> tuple[int, Any]:
        """Record the request; return status and payload for a path after `/3`, as TMDb would answer."""
        is_export = path.startswith("/p/exports/")
        kind = "details" if re.fullmatch("/movie/[0-9]+", path) else KINDS.get(path, "export" if is_export else "other")
        with self._lock:
            self._asked.append(Asked(kind, path, params, time.monotonic()))
        if is_export:
            return 200, self.catalogue.export()
        if authorization != f"Bearer {self.token}":
            return 401, _error("401_invalid_key", 7)
        if kind == "changes":
            return 200, self.catalogue.changes(int(params.get("page", "1")))
        if kind == "discover":
            return _discover(self.catalogue, params)
        if kind == "genres":
            return 200, {"genres": self.catalogue.genres}
        if kind in {"countries", "languages"}:
            return 200, getattr(self.catalogue, kind)
        found = self.catalogue.details(int(path.rpartition("/")[2])) if kind == "details" else None
        return (404, _error("404_not_found", 34)) if found is None else (200, found)


def _discover(catalogue: Catalogue, params: Mapping[str, str]) -> tuple[int, Any]:
    unknown = sorted(set(params) - DISCOVER_PARAMS)
    if unknown or params.get("sort_by", "popularity.desc") != "popularity.desc":
        return 501, {"status_message": f"the replay server supports only popularity.desc, and no {unknown}"}
    number = params.get("page", "1")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= MAX_PAGES):
        return 400, _error("400_page_over_500", 22)
    return 200, catalogue.page(int(number), *(params.get(name, "") for name in DATES))
