"""The HTTP server of the sandbox: TMDb's v3 API over `data/sample`, on loopback, when no token is set.

Facts are real, daily figures generated (`catalogue`); shapes, status codes and quirks (`routes`) are those of TMDb, so
that the same client code runs.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Self

from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.tmdb.sandbox.routes import EXPORTS_PATH, TOKEN, respond


class _Server(ThreadingTCPServer):
    request_queue_size = 128  # a client opens all its connections at once
    daemon_threads = True
    block_on_close = False  # a connection ends when its client closes it

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client may disconnect at any time
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, payload = respond(self.server.catalogue, self.path, headers)
        if isinstance(payload, bytes):
            body, content_type = payload, "application/gzip"
        else:
            body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
            content_type = "application/json;charset=utf-8"
        self.send_response_only(status)  # without a Date, so that a day's answers are identical byte for byte
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log no requests."""


class Sandbox:
    """The API as of `today` (UTC) on a free loopback port, answered by daemon threads; a context manager."""

    token = TOKEN

    def __init__(self, today: dt.date, sample_dir: Path = SAMPLE_DIR, countries_csv: Path = COUNTRIES_CSV) -> None:
        self._source = (today, sample_dir, countries_csv)
        self._server: _Server | None = None

    @property
    def export_url(self) -> str:
        """The base URL of the daily id exports, for `TMDB_EXPORT_URL`. Starts the sandbox, as `start` does."""
        return self.start().removesuffix("/3") + EXPORTS_PATH

    def start(self) -> str:
        """Start unless running, and return the base URL. Raises `SandboxError` when the sample cannot be used."""
        if self._server is None:
            self._server = _Server(Catalogue(*self._source))
            poll_seconds = 0.05  # how long `stop` can take
            threading.Thread(
                target=self._server.serve_forever, args=(poll_seconds,), name="tmdb-sandbox", daemon=True
            ).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/3"

    def stop(self) -> None:
        """Accept no more connections; does nothing when not running."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
