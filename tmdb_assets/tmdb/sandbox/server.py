"""A small stand-in for the TMDb v3 API over `data/sample`, served on loopback HTTP when no token is set.

The films' facts are real, their daily figures are generated (`catalogue`). Shapes, status codes and quirks ("" for an
unknown date, 0 for unknown money) are the API's own (`routes`), so that the same client code runs. This is the server.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import socket
import threading
import time
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.tmdb.sandbox.routes import EXPORTS_PATH, TOKEN, fault, is_export, respond

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REQUEST_BYTES, BACKLOG = 65_536, 128  # the backlog: a client's whole pool connects at once


def _parse(head: str) -> tuple[str, str, str, dict[str, str]]:
    line, *fields = head.split("\r\n")
    method, target, version = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if not version.startswith("HTTP/1.") or int(headers.get("content-length", 0)) > MAX_REQUEST_BYTES:
        raise ValueError("not a request that this server can read")
    return method, target, version, headers


def _message(method: str, status: int, payload: object, *, keep_alive: bool) -> bytes:
    # Without a Date header, so that a day's answers are identical byte for byte.
    if isinstance(payload, bytes):
        body, content_type = payload, "application/gzip"
    else:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        content_type = "application/json;charset=utf-8"
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {content_type}"]
    lines += ["Allow: GET, HEAD"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
    lines += ["Retry-After: 1"] if status == HTTPStatus.TOO_MANY_REQUESTS else []
    lines += [f"Content-Length: {len(body)}", f"Connection: {'keep-alive' if keep_alive else 'close'}", "", ""]
    return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else body)


class _Bucket:
    """A token bucket: `rate` tokens a second, up to one second's worth (at least one) is kept; rate 0: no limit."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._size = self._level = max(rate, 1.0)
        self._filled_at = clock()

    def take(self) -> bool:
        """Take a token; return False if none is left."""
        if self._rate:
            now = self._clock()
            self._level = min(self._size, self._level + (now - self._filled_at) * self._rate)
            self._filled_at = now
            if self._level < 1:
                return False
            self._level -= 1
        return True


class Sandbox:
    """The API as of `today` (UTC) on a free loopback port, answered by a daemon thread; a context manager.

    `rate` is the number of requests a second that are answered, with bursts of one second's worth; the rest get 429.
    0 is no limit. `last_export` is the newest day whose id export is published: today unless given. `clock` counts
    seconds, only for `rate`. Raises `ValueError` for a negative or infinite rate.
    """

    token = TOKEN

    def __init__(
        self,
        today: dt.date,
        sample_dir: Path = SAMPLE_DIR,
        countries_csv: Path = COUNTRIES_CSV,
        *,
        rate: float = 0.0,
        last_export: dt.date | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 <= rate < math.inf:
            raise ValueError(f"rate={rate} cannot be used: allowed is 0 (no limit) or more requests a second.")
        self._source = (today, sample_dir, countries_csv, last_export)
        self._bucket = _Bucket(rate, clock)
        self._url = ""
        self._open: WeakSet[asyncio.StreamWriter] = WeakSet()

    @property
    def export_url(self) -> str:
        """The base URL of the daily id exports, for `TMDB_EXPORT_URL`. Raises `RuntimeError` before `start`."""
        if not self._url:
            raise RuntimeError("The sandbox is not running, so its exports have no address yet: start it first.")
        return self._url.removesuffix("/3") + EXPORTS_PATH

    def start(self) -> str:
        """Start unless running, and return the base URL. Raises `SandboxError` when the sample cannot be used."""
        if not self._url:
            self._catalogue = Catalogue(*self._source)
            listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            self._loop, self._stopping = asyncio.new_event_loop(), asyncio.Event()
            self._thread = threading.Thread(target=self._run, args=(listener,), name="tmdb-sandbox", daemon=True)
            self._thread.start()
            self._url = f"http://127.0.0.1:{listener.getsockname()[1]}/3"
        return self._url

    def stop(self) -> None:
        """Close all connections and wait for the thread to end; does nothing when not running."""
        if self._url:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, listener: socket.socket) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._talk, sock=listener, backlog=BACKLOG, limit=MAX_REQUEST_BYTES)
        await self._stopping.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()  # which ends its handler as if the client had disconnected
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        # A client may disconnect at any point: that ends its connection and affects nobody else.
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            while not self._stopping.is_set() and await self._exchange(reader, writer):
                pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        # One request and its answer; returns whether the connection stays open.
        try:
            method, target, version, headers = _parse((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            # An unread body would be taken for the next request.
            await reader.readexactly(int(headers.get("content-length", 0)))
        except (ValueError, asyncio.LimitOverrunError):
            writer.write(_message("", *fault(47), keep_alive=False))
            return False
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        is_allowed = is_export(target) or self._bucket.take()
        reply = respond(self._catalogue, method, target, headers) if is_allowed else fault(25)
        writer.write(_message(method, *reply, keep_alive=keep_alive))
        await writer.drain()
        return keep_alive
