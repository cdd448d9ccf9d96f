"""The daily id export over real loopback HTTP: streamed, checked whole, and clear about days that are not there."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import socket
import threading
import time
import tracemalloc
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import BadRequestError, UnreachableError
from tmdb_assets.tmdb.export import ExportCorruptError, ExportGoneError, ExportNotYetError, fetch_export
from tmdb_assets_tests.replay import RECORDINGS

DAY = dt.date(2026, 8, 31)
PATH = "/p/exports/movie_ids_08_31_2026.json.gz"
NOW = dt.datetime(2026, 8, 31, 9, 0, tzinfo=dt.UTC)


def line(movie_id=1, popularity=1.5, **more) -> bytes:
    film = {"adult": False, "id": movie_id, "original_title": "千と千尋", "popularity": popularity, "video": False}
    return json.dumps(film | more, ensure_ascii=False).encode()


def packed(*lines: bytes, end: bytes = b"\n") -> bytes:
    return gzip.compress(b"\n".join(lines) + end, mtime=0)


FILMS = [(3924, 1.8133), (6124, 0.6), (2, 9.318), (7, 0.0), (11, 3.0)]
EXPORT = packed(*(line(*film) for film in FILMS))


def reply(status=200, body=b"", headers=(), promised=None):
    """Answer with `body`; `promised` overrides Content-Length, 0 leaves it out."""

    def act(handler):
        handler.send_response_only(status)
        if promised != 0:
            handler.send_header("Content-Length", str(promised or len(body)))
        for name, value in dict(headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = promised is not None

    return act


def drop(handler):
    handler.close_connection = True


def hang_after(body):
    def act(handler):
        reply(body=body, promised=10_000)(handler)
        handler.wfile.flush()
        handler.server.released.wait(10)

    return act


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
            script = self.server.script
            act = script.popleft() if len(script) > 1 else script[0]
        act(self)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Plays its script, one action a request, the last one for ever."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.released = threading.Lock(), threading.Event()
        self.seen, self.script = [], deque([reply(body=EXPORT)])
        self.host = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.host}/p/exports"

    def handle_error(self, request, client_address):
        """Clients that go away amid an answer are part of these tests."""

    def plays(self, *actions):
        self.script = deque(actions)


class Clock:
    """Real time, except that sleeping takes none and is noted; `jump` seconds pass at the next look at it."""

    def __init__(self):
        self.waits, self.calls, self.jump, self._skipped = [], 0, 0.0, 0.0

    def __call__(self):
        self.calls += 1
        self._skipped, self.jump = self._skipped + self.jump, 0.0
        return time.monotonic() + self._skipped

    def sleep(self, seconds):
        self.waits.append(seconds)
        self._skipped += seconds


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fetch(server, clock):
    def fetch(day=DAY, base_url=None, **options):
        options = {"now": NOW, "clock": clock, "sleep": clock.sleep, **options}
        return fetch_export(base_url or server.url, day, **options)

    return fetch


def test_the_films_come_as_the_export_has_them(server, fetch, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with fetch(base_url=server.url + "/") as export:
        assert list(export.rows(None)) == [FILMS]
        assert list(export.rows({2, 7, 999}, chunk=1)) == [[(2, 9.318)], [(7, 0.0)]]
        assert [len(part) for part in export.rows(None, chunk=2)] == [2, 2, 1]
        assert list(export.rows(set())) == []
        assert [list(map(type, row)) for row in next(export.rows(None))] == [[int, float]] * 5
        assert (export.day, export.lines, export.skipped) == (DAY, 5, 0)
        with pytest.raises(ValueError, match="chunk"):
            next(export.rows(None, chunk=0))
    ((path, headers),) = server.seen
    assert path == PATH
    assert {name.lower() for name in headers} == {"host", "accept-encoding", "user-agent"}
    assert headers["Accept-Encoding"] == "identity"
    assert export.stats.snapshot()["requests"] == 1
    assert export.stats.bytes == len(EXPORT)


def test_two_readings_at_once_do_not_disturb_each_other(server, fetch):
    films = [(number, number / 7) for number in range(1, 20_001)]
    server.plays(reply(body=packed(*(line(*film) for film in films))))
    with fetch() as export:
        both = list(zip(export.rows(None, chunk=999), export.rows(None, chunk=999), strict=True))
    assert all(one == other for one, other in both)
    assert [film for part, _ in both for film in part] == films


def test_the_file_ends_with_the_context(fetch):
    with fetch() as export:
        pass
    with pytest.raises(ValueError, match="closed"):
        list(export.rows(None))


@pytest.mark.parametrize("day", ["07_29_2026", "07_31_2026", "12_01_2025"])
def test_exports_made_of_recorded_films(server, fetch, day):
    path = RECORDINGS / "export" / "derived" / f"movie_ids_{day}.json.gz"
    if not path.is_file():
        pytest.skip("the recorded TMDb answers are not there: they belong in ../shared/tmdb beside the repository")
    server.plays(reply(body=path.read_bytes()))
    films = [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]
    with fetch(dt.datetime.strptime(day, "%m_%d_%Y").date()) as export:
        assert export.lines == len(films) > 800
        assert export.skipped == 0
        assert next(export.rows(None)) == [(film["id"], film["popularity"]) for film in films]
    assert server.seen[0][0].endswith(path.name)


def test_lines_that_are_no_film_are_skipped_and_counted(server, fetch):
    bad = [b"[]", b"null", b"5", b'"id"', b"{}", line("7"), line(None), line(True), line(1.0), line(0), line(-3)]
    bad += [line(2**63), line(10**30), line(8, None), line(8, "1"), line(8, True), line(8, -0.1), line(8, 10**400)]
    bad += [line(8, float("nan")), line(8, float("inf")), b'{"id":8,"popularity":1e999}', b'{"id":8}']
    good = [line(1, 2), line(2**63 - 1), b'{"popularity":0.5,"id":5}', line(6, adult=True, video=True, new={"a": [1]})]
    odd = [rb'{"id":9,"popularity":1.0,"original_title":"\ud83d"}', b'{"id":10,"popularity":1,"original_title":"\0"}']
    server.plays(reply(body=packed(*bad, *good, *odd, b"", b"  ", line(1, 3.5), end=b"")))
    with fetch() as export:
        films = [(1, 2.0), (2**63 - 1, 1.5), (5, 0.5), (6, 1.5), (9, 1.0), (10, 1.0), (1, 3.5)]
        assert list(export.rows(None)) == [films]
        assert (export.lines, export.skipped) == (len(bad) + len(films), len(bad))


def test_several_gzip_members_are_one_export(server, fetch):
    server.plays(reply(body=packed(line(1), end=b"") + gzip.compress(b"\n") + packed(line(2), end=b"")))
    with fetch() as export:
        assert list(export.rows(None)) == [[(1, 1.5), (2, 1.5)]]


def test_a_large_export_takes_little_memory(server, fetch):
    numbers, count = random.Random(1), 200_000
    lines = (line(number, round(numbers.random() * 9, 4)) for number in range(1, count + 1))
    body = packed(*lines)
    server.plays(reply(body=body))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with fetch() as export:
            chunks = [len(part) for part in export.rows(range(2, count, 2), chunk=1_000)]
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert (export.lines, export.skipped, sum(chunks)) == (count, 0, count // 2 - 1)
    assert peak < 6_000_000  # the text alone is 18 MB, the films as tuples are 21 MB


FLIPPED = EXPORT[:-6] + bytes([EXPORT[-6] ^ 1]) + EXPORT[-5:]
DAMAGED = {
    "short of its length": (reply(body=EXPORT[:-20], promised=len(EXPORT)), "cut short"),
    "short without a length": (reply(body=EXPORT[:-20], promised=0), "cut short"),
    "short by its checksum": (reply(body=EXPORT[:-4]), "cut short"),
    "wrong checksum": (reply(body=FLIPPED), "not sound gzip"),
    "a page instead": (reply(body=b"<html>Please log in"), "not sound gzip"),
    "more behind it": (reply(body=EXPORT + b"x" * 40), "not sound gzip"),
    "nothing": (reply(), "cut short"),
    "no line": (reply(body=gzip.compress(b"")), "no film in 0 lines"),
    "no film": (reply(body=packed(b'{"identity": 4}')), "no film in 1 lines"),
    "no JSON": (reply(body=packed(line(), b'{"id": 4', line())), "line 2 is not JSON"),
    "bad UTF-8": (reply(body=packed(line(), line(), b'{"id": 4, "title": "\xff"}')), "line 3 is not JSON"),
    "endless nesting": (reply(body=packed(b"[" * 200_000)), "line 1 is not JSON"),
    "endless line": (reply(body=packed(line(), b" " * 3_000_000)), "line 2 is longer"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_export_is_refused_whole_after_retries(server, fetch, clock, damage):
    action, cause = DAMAGED[damage]
    server.plays(action)
    with pytest.raises(ExportCorruptError) as caught:
        fetch()
    text = str(caught.value)
    assert cause in text
    assert "2026-08-31" in text
    assert server.host in text
    assert "\n" not in text
    assert 2 <= len(server.seen) == len(clock.waits) + 1 <= 10
    assert f"{len(server.seen)} tries" in text


def test_after_a_damaged_try_only_the_whole_one_counts(server, fetch, clock):
    long = packed(*(line(number) for number in range(100, 3_000)))
    server.plays(
        reply(body=long[:-10], promised=len(long)),
        drop,
        reply(503, headers={"Retry-After": "3"}),
        reply(429, headers={"Retry-After": "2"}),
        reply(body=EXPORT),
    )
    with fetch() as export:
        assert list(export.rows(None)) == [FILMS]
        assert (export.lines, export.skipped) == (5, 0)
    assert export.stats.retries == {"unreadable": 1, "connection": 1, "503": 1, "429": 1}
    assert clock.waits[2] >= 3
    assert clock.waits[3] >= 2
    assert export.stats.bytes == len(long) - 10 + len(EXPORT)


def test_silence_amid_the_file_is_a_fault(server, fetch):
    server.plays(hang_after(EXPORT[:50]), reply(body=EXPORT))
    with fetch(timeouts=(3, 0.2)) as export:
        assert list(export.rows(None)) == [FILMS]
    assert export.stats.retries == {"read timeout": 1}


def slow(seconds, clock, body, rest):
    """Send `body`, at which the client sees `seconds` pass, then `rest`."""

    def act(handler):
        before = clock.calls
        reply(promised=len(body) + len(rest) + 5)(handler)
        handler.wfile.flush()
        # Until the client has looked at its clock and waits for the body.
        deadline = time.monotonic() + 5
        while clock.calls == before and time.monotonic() < deadline:
            handler.server.released.wait(0.002)
        clock.jump = seconds
        handler.wfile.write(body + rest)

    return act


def test_a_slow_download_is_tried_again_as_well(server, fetch, clock):
    server.plays(slow(60, clock, EXPORT[:50], b""), reply(body=EXPORT))
    with fetch(retry_seconds=18) as export:
        assert list(export.rows(None)) == [FILMS]
    assert export.stats.retries == {"unreadable": 1}


def test_a_download_that_never_ends_is_given_up(server, fetch, clock):
    server.plays(slow(601, clock, EXPORT[:50], b""), reply(body=EXPORT))
    with pytest.raises(UnreachableError, match=r"too slow.*2026-08-31"):
        fetch()
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("day", "now", "error", "words"),
    [
        ("2026-08-31", "2026-08-31T06:30", ExportNotYetError, ["not published yet", "by 2026-08-31 08:00 UTC"]),
        ("2026-08-31", "2026-08-31T07:59", ExportNotYetError, ["not published yet", "it is 2026-08-31 07:59 UTC"]),
        ("2026-08-31", "2026-08-31T08:00", ExportNotYetError, ["late", "in an hour"]),
        ("2026-08-31", "2026-09-01T23:59", ExportNotYetError, ["late"]),
        ("2026-09-02", "2026-08-31T12:00", ExportNotYetError, ["not published yet"]),
        ("2026-08-31", "2026-09-02T00:00", ExportGoneError, ["no longer published", "3 months"]),
        ("2025-08-31", "2026-09-02T00:00", ExportGoneError, ["no longer published", "TMDB_EXPORT_URL"]),
    ],
)
def test_a_day_that_is_not_there_says_why_at_once(server, fetch, clock, status, day, now, error, words):
    server.plays(reply(status, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(error) as caught:
        fetch(dt.date.fromisoformat(day), now=dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC))
    text = str(caught.value)
    assert all(word in text for word in [*words, day, str(status)])
    assert "What is already stored is kept" in text
    assert "\n" not in text
    assert (len(server.seen), clock.waits) == (1, [])


def test_now_is_read_in_utc(server, fetch):
    server.plays(reply(404))
    tokyo = dt.timezone(dt.timedelta(hours=9))
    with pytest.raises(ExportNotYetError, match="it is 2026-08-31 22:00 UTC"):
        fetch(now=dt.datetime(2026, 9, 1, 7, 0, tzinfo=tokyo))
    with pytest.raises(ValueError, match="time zone"):
        fetch(now=dt.datetime(2026, 8, 31, 9, 0))


@pytest.mark.parametrize("status", [301, 302, 400, 401, 410, 501])
def test_a_refusal_is_not_retried(server, fetch, clock, status):
    server.plays(reply(status, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(BadRequestError) as caught:
        fetch()
    assert f"({status})" in str(caught.value)
    assert "TMDB_EXPORT_URL" in str(caught.value)
    assert "TOKEN" not in str(caught.value)
    assert (len(server.seen), clock.waits) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
def test_a_permanent_fault_ends_within_the_retries(server, fetch, clock, status):
    server.plays(reply(status))
    with pytest.raises(UnreachableError, match=rf"answers with faults .*{status}.*stored is kept") as caught:
        fetch(retry_seconds=18)
    assert "RATE_LIMIT" not in str(caught.value)
    assert len(server.seen) > 3
    assert sum(clock.waits) <= 18


def test_an_unreachable_host(fetch, clock):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError) as caught:
            fetch(base_url=f"http://{host}/p/exports")
    text = str(caught.value)
    assert host in text
    assert "connection refused" in text
    assert "TMDB_EXPORT_URL" in text
    assert "TMDB_API_URL" not in text
    assert sum(clock.waits) <= 18


def test_an_address_that_is_none_never_shows_its_login(fetch):
    with pytest.raises(UnreachableError, match="TMDB_EXPORT_URL") as caught:
        fetch(base_url="https://me:secret@/p/exports")
    assert "secret" not in str(caught.value)


def test_a_proxy_is_used_for_other_hosts(server, fetch, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/p/exports"))
    with fetch(base_url="http://files.example/p/exports") as export:
        assert export.lines == 5
    assert server.seen[0][0] == f"http://files.example{PATH}"


def test_the_requests_count_among_those_of_the_client(server, fetch):
    client = TmdbClient("http://127.0.0.1:9/3", "token", rate_limit=0)
    server.plays(reply(500), drop, reply(body=EXPORT))
    with fetch(stats=client.stats) as export:
        assert export.stats is client.stats
    figures = client.stats.snapshot()
    assert (figures["requests"], figures["bytes"]) == (3, len(EXPORT))
    assert figures["retries"] == {"500": 1, "connection": 1}
    server.plays(reply(404))
    with pytest.raises(ExportNotYetError):
        fetch(stats=client.stats)
    assert client.stats.requests == 4
