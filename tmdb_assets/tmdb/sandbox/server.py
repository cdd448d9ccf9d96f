"""The HTTP server of the sandbox: TMDb's v3 API over `data/sample`, on loopback, when no token is set.

Facts are real, daily figures generated (`catalogue`); shapes, status codes and quirks (`routes`) are those of TMDb, so
that the same client code runs.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import threading
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Self
from weakref import WeakSet

from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.tmdb.sandbox.routes import EXPORTS_PATH, TOKEN, fault, respond

MAX_REQUEST_BYTES, BACKLOG = 65_536, 128  # BACKLOG: a client opens all its connections at once


def _parse(head: str) -> tuple[str, str, str, dict[str, str]]:
    line, *fields = head.split("\r\n")
    method, target, version = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if not version.startswith("HTTP/1.") or int(headers.get("content-length", 0)) > MAX_REQUEST_BYTES:
        raise ValueError("not a request that this server can read")
    return method, target, version, headers


def _message(status: int, payload: object, *, keep_alive: bool) -> bytes:
    # Without a Date header, so that a day's answers are identical byte for byte.
    if isinstance(payload, bytes):
        body, content_type = payload, "application/gzip"
    else:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        content_type = "application/json;charset=utf-8"
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {content_type}"]
    lines += ["Allow: GET"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
    lines += [f"Content-Length: {len(body)}", f"Connection: {'keep-alive' if keep_alive else 'close'}", "", ""]
    return "\r\n".join(lines).encode() + body


class Sandbox:
    """The API as of `today` (UTC) on a free loopback port, answered by a daemon thread; a context manager."""

    token = TOKEN

    def __init__(self, today: dt.date, sample_dir: Path = SAMPLE_DIR, countries_csv: Path = COUNTRIES_CSV) -> None:
        self._source = (today, sample_dir, countries_csv)
        self._url = ""
        self._open: WeakSet[asyncio.StreamWriter] = WeakSet()

    @property
    def export_url(self) -> str:
        """The base URL of the daily id exports, for `TMDB_EXPORT_URL`. Raises `RuntimeError` before `start`."""
        if not self._url:
            raise RuntimeError("The sandbox has no address: start it first.")
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
            # An unread body would be parsed as the next request.
            await reader.readexactly(int(headers.get("content-length", 0)))
        except (ValueError, asyncio.LimitOverrunError):
            writer.write(_message(*fault(47), keep_alive=False))
            return False
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        writer.write(_message(*respond(self._catalogue, method, target, headers), keep_alive=keep_alive))
        await writer.drain()
        return keep_alive
