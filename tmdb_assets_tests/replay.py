"""A replay server: recorded or hand-made films over loopback HTTP, as the TMDb API would answer.

It knows nothing of the package under test. A `Catalogue` holds what the API knows on one day, a `ReplayServer`
serves it; `server.catalogue = other` turns to another day. What the API really does is described by
https://developer.themoviedb.org/reference and counted in `BEHAVIOUR.md` beside the recordings.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RECORDINGS: Path = Path(__file__).resolve().parents[2] / "shared" / "tmdb"
TOKEN = "replay-token"
PAGE_SIZE = 20
MAX_PAGES = 500

# The recorded files of the days that can be replayed; 2026-07-29 was recorded twice, the earlier one counts.
DAILY_FILES = {
    dt.date(2026, 7, 29): "movie_details_2026-07-29T1141Z.jsonl.gz",
    dt.date(2026, 7, 30): "movie_details_2026-07-30T1526Z.jsonl.gz",
    dt.date(2026, 7, 31): "movie_details_2026-07-31T1438Z.jsonl.gz",
}
# The keys of a real discover item, in TMDb's order (genre_ids is made from genres).
ITEM_KEYS = ["adult", "backdrop_path", "genre_ids", "id", "title", "original_language", "original_title", "overview"]
ITEM_KEYS += ["popularity", "poster_path", "release_date", "softcore", "video", "vote_average", "vote_count"]
KINDS = {
    "/discover/movie": "discover",
    "/genre/movie/list": "genres",
    "/configuration/countries": "countries",
    "/configuration/languages": "languages",
    "/movie/changes": "changes",
}
CHANGES_A_PAGE = 100
# Parameters that the discover endpoint understands here; any other would be ignored in silence, so it is refused.
DISCOVER_PARAMS = {"page", "sort_by", "include_adult", "include_video", "language"}


def recordings_missing() -> str | None:
    """Why tests on the recordings have to be skipped, or None when the recordings are there."""
    if (RECORDINGS / "datasets" / "daily").is_dir():
        return None
    return "the recorded TMDb answers are not there: they belong in ../shared/tmdb beside the repository"


def recorded_movie(movie_id: int) -> dict[str, Any] | None:
    """The details recorded as `movie/<id>.json`, or None when there are none."""
    path = RECORDINGS / "movie" / f"{movie_id}.json"
    return json.loads(path.read_bytes()) if path.is_file() else None


def discover_item(movie_id: int, details: Mapping[str, Any]) -> dict[str, Any]:
    """The discover item of a film: `details` cut to the keys of a real item; the id is the one it is asked by."""
    genres = details.get("genres")
    known = genres if isinstance(genres, list) else []
    made = {"id": movie_id, "genre_ids": [genre["id"] for genre in known if isinstance(genre, dict) and "id" in genre]}
    source = {**details, **made}
    return {key: source[key] for key in ITEM_KEYS if key in source}


class Catalogue:
    """What the API knows on one day. Treat it as unchangeable; `but(...)` makes another.

    Args:
        films: details as the API sends them, by film; a mapping id -> payload allows payloads with a wrong or no `id`.
        genres, countries, languages: the reference lists as the API sends them (genres without their envelope).
        discover_ids: what discover lists, as is, repeats included; default: all films, most popular first.
        listing: the discover items themselves, as is; wins over `discover_ids`.
        gone: ids whose details answer 404 although discover may list them.
        changed: what the change list of any day holds; default: all films, so that all are asked anew every day.
        beyond: the details of an id that `films` does not hold, or None.
    """

    def __init__(
        self,
        films: Iterable[dict[str, Any]] | Mapping[int, Any] = (),
        genres: Sequence[Any] = (),
        countries: Sequence[Any] = (),
        languages: Sequence[Any] = (),
        *,
        discover_ids: Sequence[int] | None = None,
        listing: Sequence[Any] | None = None,
        gone: Collection[int] = (),
        changed: Collection[int] | None = None,
        beyond: Callable[[int], Any] = lambda movie_id: None,
    ) -> None:
        self._given = {name: value for name, value in locals().items() if name not in {"self", "__class__"}}
        self.films: dict[int, Any] = dict(films) if isinstance(films, Mapping) else {film["id"]: film for film in films}
        self._given["films"] = self.films  # an iterable can be read only once
        self.genres, self.countries, self.languages = list(genres), list(countries), list(languages)
        self.gone = frozenset(gone)
        self.changed = sorted(i for i in self.films if isinstance(i, int)) if changed is None else sorted(changed)
        self._beyond = beyond
        ids = sorted(self.films, key=self._rank) if discover_ids is None else discover_ids
        self.listing = [discover_item(i, self.films[i]) for i in ids] if listing is None else list(listing)

    def _rank(self, movie_id: int) -> tuple[float, int]:
        popularity = self.films[movie_id].get("popularity")
        return (-popularity if isinstance(popularity, int | float) else float("inf"), movie_id)

    def but(self, **changes: Any) -> Catalogue:
        """The same catalogue with other arguments, such as `gone={550}` or `discover_ids=[550, 550]`."""
        return Catalogue(**{**self._given, **changes})

    def details(self, movie_id: int) -> Any | None:
        """The details payload of a film, None when the API answers 404."""
        if movie_id in self.gone:
            return None
        return self.films[movie_id] if movie_id in self.films else self._beyond(movie_id)

    def changes(self, number: int) -> dict[str, Any]:
        """Page `number` of the change list, with an entry whose id is null, as TMDb sends some."""
        start = (number - 1) * CHANGES_A_PAGE
        ids = self.changed[start : start + CHANGES_A_PAGE]
        return {
            "page": number,
            "results": [{"id": None, "adult": None}, *({"id": movie_id, "adult": False} for movie_id in ids)],
            "total_pages": max(1, -(-len(self.changed) // CHANGES_A_PAGE)),
            "total_results": len(self.changed),
        }

    def export(self) -> bytes:
        """The id export: every film that has an id and a popularity, gzipped."""
        films = [film for film in self.films.values() if isinstance(film, dict) and isinstance(film.get("id"), int)]
        lines = [
            json.dumps({"adult": False, "id": film["id"], "popularity": film["popularity"], "video": False})
            for film in films
            if isinstance(film.get("popularity"), int | float)
        ]
        return gzip.compress("\n".join(lines).encode(), compresslevel=1, mtime=0)

    def page(self, number: int) -> dict[str, Any]:
        """Discover page `number` (from 1, 20 items each, empty beyond the end); `total_pages` knows no cap of 500."""
        start = (number - 1) * PAGE_SIZE
        return {
            "page": number,
            "results": self.listing[start : start + PAGE_SIZE],
            "total_pages": -(-len(self.listing) // PAGE_SIZE),
            "total_results": len(self.listing),
        }


@cache
def catalogue_of(day: dt.date) -> Catalogue:
    """The recorded catalogue of 2026-07-29, -30 or -31: that day's 823 films in discover, `movie/` for details beyond.

    Raises KeyError for a day that was not recorded.
    """
    with gzip.open(RECORDINGS / "datasets" / "daily" / DAILY_FILES[day], "rt", encoding="utf-8") as lines:
        films = [json.loads(line) for line in lines]
    return Catalogue(
        films,
        genres=json.loads((RECORDINGS / "genre" / "movie_list.json").read_bytes())["genres"],
        countries=json.loads((RECORDINGS / "configuration" / "countries.json").read_bytes()),
        languages=json.loads((RECORDINGS / "configuration" / "languages.json").read_bytes()),
        beyond=recorded_movie,
    )


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
        is_export = path.startswith("/../p/exports/")
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
        path = parts.path.removeprefix("/3") if parts.path.startswith("/3/") else "/.." + parts.path
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
