"""The load server: the sandbox's answers, made before the first request and sent after a latency of your choice.

The sandbox itself sorts and serialises per request, which is fine for a person and would be measured here. One event
loop, in a process of its own; the latency of one request holds up no other. It ends when its standard input closes, so
that it never outlives the one who started it:

    python -m benchmarks.fake_api --films FOLDER --date 2026-01-31 --latency-ms 60
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from benchmarks.films import read_films
from tmdb_assets.tmdb.sandbox import PAGE_SIZE, Catalogue, Reply, Sandbox, respond

TOKEN = Sandbox.token
COUNT_PATH = "/requests"  # how many requests of the API were answered so far
ROOT = Path(__file__).resolve().parent.parent
STOP_TIMEOUT_S = 10
_AUTHORISED = {"authorization": f"Bearer {TOKEN}"}
_AUTHORISATION = f"\r\nauthorization: bearer {TOKEN}\r\n".encode()
_PAGE = re.compile("(?:^|&)page=([0-9]+)")


class LoadServerError(Exception):
    """The load server does not run; nothing can be measured."""


class Answers:
    """Every answer of the API as the bytes that go over the wire, found by path and page."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.count = 0
        pages = range(1, math.ceil(len(catalogue.films) / PAGE_SIZE) + 2)
        targets = [("/3/discover/movie", str(page)) for page in pages]
        targets += [(f"/3/movie/{film}", "") for film in catalogue.films]
        targets += [(f"/3/{path}", "") for path in catalogue.reference]
        self._ready = {target: self._make(*target) for target in targets}

    def find(self, head: bytes) -> bytes:
        """The answer to one request, given its head up to and with the empty line."""
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        path, _, query = target.partition("?")
        if path == COUNT_PATH:
            return _message((200, {"requests": self.count}))
        self.count += 1
        if method != "GET" or _AUTHORISATION not in head.lower():
            return _message(respond(self._catalogue, method, target, {}))
        page = _PAGE.search(query)
        return self._ready.get((path, page[1] if page else "")) or _message(
            respond(self._catalogue, method, target, _AUTHORISED)
        )

    def _make(self, path: str, page: str) -> bytes:
        target = f"{path}?page={page}" if page else path
        return _message(respond(self._catalogue, "GET", target, _AUTHORISED))


def _message(reply: Reply) -> bytes:
    status, payload = reply
    as_bytes = isinstance(payload, bytes)  # an id export
    body = payload if as_bytes else json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json;charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


class Conversation(asyncio.Protocol):
    """One kept connection; requests have no body, and the next comes after the answer to the last."""

    def __init__(self, answers: Answers, latency_s: float) -> None:
        self._answers, self._latency_s = answers, latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request, each after the latency."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[: end + 4], self._received[end + 4 :]
            answer = self._answers.find(head)
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(answers: Answers, latency_s: float) -> None:
    """Serve on a free loopback port, print the base URL, and end when standard input does."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Conversation(answers, latency_s), "127.0.0.1", 0, backlog=256)
    loop.add_reader(sys.stdin.fileno(), over.set)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/3", flush=True)
    await over.wait()
    server.close()


@contextmanager
def fake_api(films: Path, day: dt.date, latency_ms: float) -> Iterator[str]:
    """The server over the films of a folder, as a process of its own; gives the base URL, like http://host:port/3.

    Raises `LoadServerError` when it does not start; why is on standard error.
    """
    command = [sys.executable, "-m", "benchmarks.fake_api", "--films", str(films), "--date", str(day)]
    command += ["--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise LoadServerError("The load server did not start; the reason is above. Nothing was measured.")
            yield url
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description="Serve synthetic films as TMDb would.")
    parser.add_argument("--films", type=Path, required=True, help="folder written by benchmarks.films")
    parser.add_argument("--date", type=dt.date.fromisoformat, required=True, help="the day whose figures it tells")
    parser.add_argument("--latency-ms", type=float, default=60, help="added to each request; default: 60")
    given = parser.parse_args()
    asyncio.run(serve(Answers(read_films(given.films, given.date)), given.latency_ms / 1000))


if __name__ == "__main__":
    main()
