"""A replay server: a catalogue over loopback HTTP, as the TMDb API would answer, with the faults that a test asks for.

It knows nothing of the package under test. `replay_catalogue` has what the API knows on one day, a `ReplayServer`
serves it; `server.catalogue = other` turns to another day.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tmdb_assets_tests.fakes.replay_catalogue import MAX_PAGES, RECORDINGS, Catalogue

TOKEN = "replay-token"
KINDS = {
    "/discover/movie": "discover",
    "/genre/movie/list": "genres",
    "/configuration/countries": "countries",
    "/configuration/languages": "languages",
    "/movie/changes": "changes",
}
# Parameters that the discover endpoint understands here; any other would be ignored in silence, so it is refused.
DISCOVER_PARAMS = {"page", "sort_by", "include_adult", "include_video", "language"}


@cache
def _error(recording: str, status_code: int) -> dict[str, Any]:
    # Without the recordings (a fresh clone) hand-made catalogues are served all the same.
    path = RECORDINGS / "errors" / f"{recording}.json"
    if path.is_file():
        return json.loads(path.read_bytes())
    return {"success": False, "status_code": status_code, "status_message": f"Replayed error {status_code}."}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer; the parts can be combined, the default is the true answer.

    `status` other than None replaces the answer; without `body` by an error object in TMDb's shape. `body` alone is
    sent as is with status 200. `truncate` announces the whole length and sends half, `drop` closes the connection
    without a byte, `delay` (seconds) comes first.
    """

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False
    drop: bool = False
    delay: float = 0.0


GARBAGE = Fault(body=b"<html><body>\x00\xff not JSON")
TRUNCATED = Fault(truncate=True)
DROPPED = Fault(drop=True)

FaultHook = Callable[[str, Mapping[str, str]], Fault | None]


@dataclass(frozen=True)
class Asked:
    """One request as it came: its kind, the path after `/3`, the query, and when (`time.monotonic`, seconds)."""

    kind: str
    path: str
    params: Mapping[str, str]
    at: float


class ReplayServer:
    """Serve a catalogue at `url` (ends with `/3`) to whoever sends `token`; a context manager.

    `faults(path, params)` is asked before each answer and may return what goes wrong. An error inside it, or inside
    the server, is raised when the context ends, so that it cannot pass for a fault of the network.
    """

    def __init__(self, catalogue: Catalogue, faults: FaultHook | None = None) -> None:
        self.catalogue = catalogue
        self.faults = faults
        self.token = TOKEN
        self.errors: list[BaseException] = []
        self.stopping = threading.Event()
        self._asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/3"

    def __enter__(self) -> ReplayServer:
        # The short poll only shortens the way out.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="replay", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        if self.errors and kind is None:
            raise RuntimeError("the replay server or its fault hook failed") from self.errors[0]

    @property
    def asked(self) -> list[Asked]:
        """Every request since the start or the last `reset`, in the order in which they came."""
        with self._lock:
            return list(self._asked)

    @property
    def requests(self) -> Counter[str]:
        """Requests by kind: discover, details, genres, countries, languages, other."""
        return Counter(asked.kind for asked in self.asked)

    @property
    def paths(self) -> list[str]:
        """The paths asked for, without `/3` and query, in the order in which they came."""
        return [asked.path for asked in self.asked]

    def reset(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._asked.clear()

    def answer(self, path: str, params: Mapping[str, str], authorization: str | None) -> tuple[int, Any]:
        """Note the request; status and payload for a path after `/3`, as TMDb would answer."""
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
        return 501, {"status_message": f"the replay server knows popularity.desc and no {unknown}; teach it"}
    number = params.get("page", "1")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= MAX_PAGES):
        return 400, _error("400_page_over_500", 22)
    return 200, catalogue.page(int(number))


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # as many connections as a concurrent client opens at once
    daemon_threads = False  # so that closing the server waits for its threads

    def __init__(self, replay: ReplayServer) -> None:
        self.replay = replay
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would look up a host name here, which can take seconds
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client or its thread closed it first

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):  # a client may leave at any time
            self.replay.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    server: _Server

    def do_GET(self) -> None:
        replay, parts = self.server.replay, urlsplit(self.path)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        is_known = parts.path.startswith(("/3/", "/p/exports/"))
        path = parts.path.removeprefix("/3") if is_known else "/.." + parts.path
        # Answered first, so that a request that then fails counts as well.
        status, payload = replay.answer(path, params, self.headers.get("Authorization"))
        fault = (replay.faults(path, params) if replay.faults else None) or Fault()
        if fault.delay:
            replay.stopping.wait(fault.delay)
        if fault.drop:
            self.close_connection = True
            return
        if fault.status is not None:
            status, payload = fault.status, {"success": False, "status_code": 11, "status_message": "Replayed fault."}
        if fault.body is not None:
            self._send(fault.status or 200, fault.body, fault, {})
        else:
            body, encoding = _encode(payload), {}
            if (
                len(body) > 1000
                and not isinstance(payload, bytes)
                and "gzip" in self.headers.get("Accept-Encoding", "")
            ):
                body, encoding = gzip.compress(body, compresslevel=1, mtime=0), {"Content-Encoding": "gzip"}
            self._send(status, body, fault, encoding)

    def _send(self, status: int, body: bytes, fault: Fault, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        head = {"Content-Type": "application/json;charset=utf-8", "Content-Length": str(len(body))}
        for name, value in {**head, **headers, **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault.truncate else body)
        self.close_connection = self.close_connection or fault.truncate

    def log_message(self, *_: Any) -> None:
        """Keep one line a request out of the test output; `ReplayServer.asked` has them."""


def _encode(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    # UTF-8 as TMDb sends it; a lone surrogate, which UTF-8 cannot hold, becomes the JSON escape that stands for it.
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
