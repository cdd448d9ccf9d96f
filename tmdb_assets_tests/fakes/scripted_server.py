"""HTTP servers on loopback whose answers, valid or faulty, a test chooses; and time that passes without waiting.

An answer is an action: a function of the request's `Handler`.
"""

import json
import os
import socket
import struct
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from tmdb_assets_tests.stage.waiting import PATIENCE_S

OK = {"id": 1, "title": "千と千尋"}
NOT_FOUND = {"success": False, "status_code": 34, "status_message": "Not found."}  # with 404, TMDb's own words


def reply(status=200, body=OK, headers=(), promised=None):
    """Answer with `body` (bytes as they are, else JSON); `promised` overrides Content-Length, 0 leaves it out."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler):
        handler.send_response_only(status)
        if promised != 0:
            handler.send_header("Content-Length", str(promised or len(raw)))
        for name, value in dict(headers).items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(raw)
        handler.close_connection = promised is not None

    return act


def interim(*statuses, then):
    """Send interim answers, each with a header of its own, then answer with the action `then`."""

    def act(handler):
        for status in statuses:
            handler.wfile.write(b"HTTP/1.1 %d Wait\r\nLink: </style.css>; rel=preload\r\n\r\n" % status)
        then(handler)

    return act


def drop(handler):
    """Hang up without a byte."""
    handler.close_connection = True


def reset(handler):
    """Hang up so that the client's side fails instead of ending."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def hang(handler):
    """Send nothing until the test releases the server."""
    handler.server.released.wait(PATIENCE_S)
    handler.close_connection = True


def truncated_chunks(handler):
    """Send the beginning of a chunk."""
    handler.send_response_only(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'40\r\n{"id": 1')
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Records what was posted, and leaves the answer to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.choose_action(self)(self)

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def log_message(self, *args):
        """Keep one line a request out of the test output."""


class LoopbackServer(ThreadingHTTPServer):
    """A server that answers by what `choose_action` returns for each request; a context manager.

    An error inside an action is raised when the context ends, so that it is not taken for a network fault.
    `bodies` holds what was posted, `released` is set when the test is over, for actions that wait.
    """

    request_queue_size = 256  # a full queue would make a client wait a second for its connection
    daemon_threads = False  # so that closing the server waits for its threads

    def __init__(self):
        self.bodies, self.errors, self.released = [], [], threading.Event()
        self._open = set()
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"

    def choose_action(self, handler):
        """Record the request, and return the action that answers it."""
        raise NotImplementedError

    def __enter__(self):
        # The short poll shortens the shutdown.
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="loopback", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self.released.set()
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client or its thread closed it first
        self.server_close()
        if self.errors and kind is None:
            raise RuntimeError("the server of this test or its fault hook failed") from self.errors[0]

    def server_bind(self):
        TCPServer.server_bind(self)  # HTTPServer would look up a host name here, which can take seconds
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):  # a client may leave at any time
            self.errors.append(error)


class ScriptedServer(LoopbackServer):
    """Plays actions, one a request, the last one for ever: those of `plays_at` for their path, else those of `plays`.

    `url` is its address with `base_path` at the end, `seen` holds path and headers of each request in order.
    """

    def __init__(self, base_path, *actions):
        super().__init__()
        self.base_path, self.url, self.seen = base_path, f"http://{self.host}{base_path}", []
        self._actions, self._actions_at, self._lock = deque(actions), {}, threading.Lock()

    def plays(self, *actions):
        """Script all paths without their own script."""
        self._actions = deque(actions)

    def plays_at(self, path, *actions):
        """Script one path, given without `base_path` and query."""
        self._actions_at[self.base_path + path] = deque(actions)

    def choose_action(self, handler):
        """Record the request, and return the next action of its script."""
        with self._lock:
            self.seen.append((handler.path, dict(handler.headers)))
            script = self._actions_at.get(handler.path.partition("?")[0]) or self._actions
            return script.popleft() if len(script) > 1 else script[0]

    @property
    def paths(self):
        return [path for path, _ in self.seen]


class SkippedTime:
    """Real time, except that sleeping takes none and is recorded; `looks` counts the reads of the clock."""

    def __init__(self):
        self.waits, self.looks, self._skipped, self._lock = [], 0, 0.0, threading.Lock()

    def clock(self):
        with self._lock:
            self.looks += 1
            return time.monotonic() + self._skipped

    def sleep(self, seconds):
        with self._lock:
            self.waits.append(seconds)
            self._skipped += seconds

    def skip(self, seconds):
        """Let time pass for every later read of the clock."""
        with self._lock:
            self._skipped += seconds


def forget_proxies(monkeypatch):
    """Keep the proxies and certificates of the machine that runs the tests out of them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
