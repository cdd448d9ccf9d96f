"""How any answer is received, from TMDb or the receiver of alerts: neither its size nor its time is unbounded.

`ends_at` sets the time at which an answer is abandoned, in its header too, and shortens the socket's timeout, which
only detects a silent server, to the time that is left. Interim answers (RFC 9110, 15.2, like 103 Early Hints) are
passed over. A header is bounded by http.client: 100 lines of at most 64 kB.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

    import urllib3

LARGEST_BODY_BYTES = 64 << 20  # decompressed; TMDb's largest known answer has less than 1 MB
_MOST_INTERIM = 20
_READ_BYTES = 65_536
_SHORTEST_S = 0.001  # a timeout of 0 would be none

_left: ContextVar[Callable[[], float] | None] = ContextVar("left", default=None)  # seconds; TimeoutError if none is


class TooLargeError(Exception):
    """A body is larger than an answer may be."""


@contextmanager
def ends_at(clock: Callable[[], float], deadline: float) -> Iterator[None]:
    """Answers that are requested inside raise a timeout of urllib3 or requests at `deadline`, a time of `clock`."""

    def left() -> float:
        seconds = deadline - clock()
        if seconds < 0:
            raise TimeoutError
        return seconds

    token = _left.set(left)
    try:
        yield
    finally:
        _left.reset(token)


def read_body(response: requests.Response, clock: Callable[[], float], deadline: float) -> bytearray:
    """Return the whole body of a streamed response, decompressed.

    Raises `TooLargeError` beyond `LARGEST_BODY_BYTES`, `TimeoutError` when it is still arriving or being decompressed
    at `deadline` (a time of `clock`), and what urllib3 raises, as for a body that is shorter than its Content-Length.
    """
    body = bytearray()
    while part := response.raw.read1(_READ_BYTES, decode_content=True):
        body += part
        if len(body) > LARGEST_BODY_BYTES:
            raise TooLargeError
        if clock() > deadline:
            raise TimeoutError
    return body


def open_session() -> requests.Session:
    """A session of requests whose answers are received as above."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session


class Adapter(HTTPAdapter):
    """The adapter of requests for answers that are received as above."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        _receive_with(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> urllib3.PoolManager:
        """Make the pools of connections to a proxy, once for each."""
        is_new = proxy not in self.proxy_manager
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **options)
        if is_new:
            _receive_with(manager)
        return manager


def _receive_with(manager: Any) -> None:
    """Let the connections of every pool, also those of a SOCKS proxy, answer with `_Response`."""

    def of(pool: Any) -> Any:
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": _Response})
        return type(pool.__name__, (pool,), {"ConnectionCls": connection})

    manager.pool_classes_by_scheme = {scheme: of(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}


class _Response(HTTPResponse):
    """An answer that is abandoned at its deadline, and begins after interim answers."""

    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        if left := _left.get():
            self.fp = io.BufferedReader(_Watched(self.fp.detach(), sock, left))

    def begin(self) -> None:
        """Read the status line and the header."""
        for _ in range(_MOST_INTERIM):
            super().begin()
            if not 100 <= self.status < 200 or self.status == 101:
                return
            self.headers = self.msg = None  # type: ignore[assignment]  # so that the next call reads on
        raise HTTPException("too many interim answers")


class _Watched(io.RawIOBase):
    """The bytes of a socket, none of which is waited for longer than the time that is left."""

    def __init__(self, raw: Any, sock: socket, left: Callable[[], float]) -> None:
        self._raw, self._sock, self._left = raw, sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left, timeout = self._left(), self._sock.gettimeout()
        if timeout is None or left < timeout:
            self._sock.settimeout(max(left, _SHORTEST_S))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
