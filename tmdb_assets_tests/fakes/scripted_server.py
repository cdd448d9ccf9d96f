"""An HTTP server on loopback whose answers, also the bad ones, a test scripts; and time that passes without waiting.

An answer is an action: a function of the `BaseHTTPRequestHandler` that has the request.
"""

import json
import os
import socket
import struct
import threading
import time
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OK = {"id": 1, "title": "千と千尋"}


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


def drop(handler):
    """Hang up without a byte."""
    handler.close_connection = True


def reset(handler):
    """Hang up so that the client's side fails instead of ending."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def hang(handler):
    """Say nothing until the test releases the server."""
    handler.server.released.wait(10)
    handler.close_connection = True


def truncated_chunks(handler):
    """Send the beginning of a chunk."""
    handler.send_response_only(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'40\r\n{"id": 1')
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.next_action(self)(self)

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.next_action(self)(self)

    def log_message(self, *args):
        pass


class ScriptedServer(ThreadingHTTPServer):
    """Plays actions, one a request, the last one for ever: those of `plays_at` for their path, else those of `plays`.

    `url` is its address with `base_path` at the end, `seen` holds path and headers of each request as it came,
    `bodies` what was posted, `released` is set when the test is over, for actions that wait.
    """

    daemon_threads = True
    request_queue_size = 128  # a full queue would make a client wait a second for its connection

    def __init__(self, base_path, *actions):
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.base_path, self.url = base_path, f"http://{self.host}{base_path}"
        self.seen, self.bodies, self.released = [], [], threading.Event()
        self._actions, self._actions_at, self._lock = deque(actions), {}, threading.Lock()

    def handle_error(self, request, client_address):
        """Clients that go away amid an answer are part of these tests."""

    def plays(self, *actions):
        """Script the paths that have no script of their own."""
        self._actions = deque(actions)

    def plays_at(self, path, *actions):
        """Script one path, which is given without `base_path` and query."""
        self._actions_at[self.base_path + path] = deque(actions)

    def next_action(self, handler):
        """Note the request, and return what answers it."""
        with self._lock:
            self.seen.append((handler.path, dict(handler.headers)))
            script = self._actions_at.get(handler.path.partition("?")[0]) or self._actions
            return script.popleft() if len(script) > 1 else script[0]

    @property
    def paths(self):
        return [path for path, _ in self.seen]


@contextmanager
def scripted_server(base_path, *actions):
    """A running `ScriptedServer` that plays `actions` at every path until told otherwise."""
    server = ScriptedServer(base_path, *actions)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


class SkippedTime:
    """Real time, except that sleeping takes none and is noted; `looks` counts the looks at the clock."""

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
        """Let time pass for whoever looks at the clock from now on."""
        with self._lock:
            self._skipped += seconds


def forget_proxies(monkeypatch):
    """Keep the proxies and certificates of the machine that runs the tests out of them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
