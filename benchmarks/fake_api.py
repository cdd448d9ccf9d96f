"""The load server: the sandbox's answers, made before the first request and sent after a chosen latency.

The sandbox sorts and serialises per request, which would be measured here. The server is one event loop in its own
process, so that the latency of one request delays no other. It ends when its standard input closes, and so never
outlives the process that started it:

    python -m benchmarks.fake_api --films FOLDER --date 2026-01-31 --latency-ms 60 --rate 50
    python -m benchmarks.fake_api --catalogue 100000 --date 2026-01-31 --latency-ms 0

`answers` has its answers and counts, `catalogue` a catalogue too large for the sandbox, `troubled` days on which
something goes wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.answers import COUNT_PATH, TOKEN, Answers, FilmAnswers, Traffic
from benchmarks.catalogue import CatalogueAnswers
from benchmarks.films import read_edited_films, read_films
from benchmarks.troubled import TROUBLES, TroubledAnswers

__all__ = ["COUNT_PATH", "ROOT", "TOKEN", "LoadServerError", "fake_api"]

ROOT = Path(__file__).resolve().parent.parent
STOP_TIMEOUT_S = 10


class LoadServerError(Exception):
    """The load server did not start; nothing can be measured."""


class Conversation(asyncio.Protocol):
    """One persistent connection; requests have no body, and each follows the answer to the last."""

    def __init__(self, answers: Answers, latency_s: float) -> None:
        self._answers, self._latency_s = answers, latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request, each after the latency."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[: end + 4], self._received[end + 4 :]
            answer = self._answers.find(head)
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(answers: Answers, latency_s: float) -> None:
    """Serve on a free loopback port, print the base URL, and stop when standard input closes."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Conversation(answers, latency_s), "127.0.0.1", 0, backlog=256)
    loop.add_reader(sys.stdin.fileno(), over.set)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/3", flush=True)
    await over.wait()
    server.close()


@contextmanager
def fake_api(films: Path | int, day: dt.date, latency_ms: float, options: Sequence[str] = ()) -> Iterator[str]:
    """Run the server in its own process; yields the base URL, like http://host:port/3.

    `films` is a folder of films, or the number of films in a generated catalogue; `options` are further options of the
    command. Raises `LoadServerError` when it does not start; the reason is on standard error.
    """
    source = ["--catalogue", str(films)] if isinstance(films, int) else ["--films", str(films)]
    command = [sys.executable, "-m", "benchmarks.fake_api", *source, "--date", str(day)]
    command += ["--latency-ms", str(latency_ms), *options]
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve synthetic films as TMDb would.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--films", type=Path, help="folder written by benchmarks.films")
    source.add_argument("--catalogue", type=int, metavar="COUNT", help="number of films in a generated catalogue")
    parser.add_argument("--date", type=dt.date.fromisoformat, required=True, help="the day whose figures it serves")
    parser.add_argument("--latency-ms", type=float, default=60, help="added to each request; default: 60")
    parser.add_argument("--rate", type=float, default=0, help="requests per second, others get 429; default: no limit")
    parser.add_argument("--edited", type=float, default=0, metavar="SHARE", help="of the films since the day before")
    parser.add_argument("--trouble", choices=TROUBLES, help="what goes wrong with one film that day")
    parser.add_argument("--export-days", type=int, default=0, help="exports made at the start; default: 0")
    return parser.parse_args()


def _answers(given: argparse.Namespace) -> Answers:
    traffic = Traffic(given.rate)
    if given.catalogue:
        return CatalogueAnswers(given.catalogue, given.date, traffic)
    if given.edited:
        catalogue, listed = read_edited_films(given.films, given.date, given.edited)
        return FilmAnswers(catalogue, traffic, listed, given.export_days)
    if given.trouble:
        return TroubledAnswers(read_films(given.films, given.date), traffic, given.trouble)
    return FilmAnswers(read_films(given.films, given.date), traffic, export_days=given.export_days)


def main() -> None:
    """Serve until standard input closes."""
    given = _arguments()
    asyncio.run(serve(_answers(given), given.latency_ms / 1000))


if __name__ == "__main__":
    main()
