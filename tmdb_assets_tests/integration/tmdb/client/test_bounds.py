"""No answer is unbounded: size, time and shape of what a server sends, and interim answers before it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from functools import cache

import pytest

from tmdb_assets.tmdb import errors, transport
from tmdb_assets.tmdb.limits import tries
from tmdb_assets_tests.fakes.scripted_server import OK, hang, interim, reply
from tmdb_assets_tests.stage.waiting import PATIENCE_S

PACKED = {"Content-Encoding": "gzip"}


@cache
def bomb(text: bytes, megabytes: int) -> bytes:
    """A gzip stream of a text repeated to this size, made without holding it."""
    pack = zlib.compressobj(level=6, wbits=31)
    block = text * ((1 << 20) // len(text))
    return b"".join(pack.compress(block) for _ in range(megabytes)) + pack.flush()


def raw(*parts: bytes):
    """Send bytes as they are, and hang up."""

    def act(handler):
        for part in parts:
            handler.wfile.write(part)
        handler.close_connection = True

    return act


# Made by the test: a hundred megabytes are not packed where the file is only imported.
UNREADABLE = {
    "a bomb of 250 MB": (lambda: reply(200, bomb(b"[],", 250), PACKED), "larger than 64 MB"),
    "a bomb in a refusal": (lambda: reply(400, bomb(b" ", 70), PACKED), "larger than 64 MB"),
    "packed twice": (
        lambda: reply(200, gzip.compress(bomb(b" ", 70)), {"Content-Encoding": "gzip, gzip"}),
        "larger than 64 MB",
    ),
    "too many encodings": (
        lambda: reply(200, b"x", {"Content-Encoding": ", ".join(["gzip"] * 9)}),
        "wrongly compressed",
    ),
    "millions of values": (lambda: reply(200, b'{"a":[' + b"[]," * 2_000_000 + b"[]]}"), "more values"),
    "millions of escapes": (lambda: reply(200, b'{"title": "' + rb"\u0000" * 2_000_000 + b'"}'), "more values"),
    "a long text": (lambda: reply(200, b'{"title": "' + b"x" * 60_000_000 + b'"}'), "a text longer"),
    "a long key": (lambda: reply(200, b'{"a": [{"' + b"x" * 11_000_000 + b'": 1}]}'), "a text longer"),
    "nested": (lambda: reply(200, b'{"a":' * 100_000), "no valid JSON"),
    "nested a bit": (lambda: reply(200, b'{"a":' * 300 + b"1" + b"}" * 300), "nested too deeply"),
    "an endless number": (lambda: reply(200, b'{"id": %s}' % (b"9" * 9_000)), "no valid JSON"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_answer_that_no_api_sends_is_unreadable(server, connect, what):
    make, cause = UNREADABLE[what]
    action = make()
    server.plays_at("/movie/1", action)
    with pytest.raises(errors.UnreadableAnswerError, match=cause) as caught:
        connect(retry_seconds=0).get("/movie/1")
    assert "\n" not in str(caught.value)
    # It is retried, as any unreadable answer.
    server.plays_at("/movie/1", action, reply())
    assert connect().get("/movie/1").payload == OK


def test_a_bomb_takes_little_memory(server, connect):
    body = bomb(b"[],", 250)
    assert len(body) < 1_000_000
    server.plays_at("/movie/1", reply(200, body, PACKED))
    tracemalloc.start()
    try:
        with pytest.raises(errors.UnreadableAnswerError):
            connect(retry_seconds=0).get("/movie/1")
        assert tracemalloc.get_traced_memory()[1] < 140_000_000  # it was 830 MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n", "LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-More: y\r\n" * 200 + b"\r\n", "HTTPException"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, "HTTPException"),
    ],
    ids=["long line", "many lines", "only hints"],
)
def test_a_header_that_no_api_sends_is_a_fault(server, connect, head, kind):
    server.plays_at("/movie/1", raw(head))
    with pytest.raises(errors.TmdbError, match=kind) as caught:
        connect(retry_seconds=0).get("/movie/1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["Retry-After", "Date"])
@pytest.mark.parametrize("value", ["9" * 400, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_time_that_no_clock_shows_raises_nothing(server, connect, field, value):
    headers = {"Retry-After": "Mon, 01 Jan 2029 00:00:00 GMT", field: value}
    server.plays_at("/movie/1", reply(503, {}, headers))
    with pytest.raises(errors.UnreachableError, match="503"):
        connect(retry_seconds=0).get("/movie/1")


@pytest.mark.parametrize("message", ["[" * 240 + "]" * 240, '"' + "x" * 900_000 + '"'])
def test_the_message_of_a_refusal_is_one_short_line(server, connect, message):
    server.plays_at("/movie/1", reply(400, b'{"status_message": %s}' % message.encode()))
    with pytest.raises(errors.BadRequestError, match=r"\(400") as caught:
        connect().get("/movie/1")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("statuses", [(103,), (100, 102, 103, 103)])
def test_interim_answers_are_passed_over(server, connect, statuses):
    client = connect()
    server.plays_at("/movie/1", interim(*statuses, then=reply()))
    server.plays_at("/movie/2", interim(*statuses, then=reply(404, {"status_code": 34})))
    assert client.get("/movie/1").payload == OK
    assert client.get("/movie/1").payload == OK  # on the same connection
    assert client.get("/movie/2").status == 404
    assert client.stats.retries == {}


def drip(skipped, head, text):
    """Send a text again and again, 9 s apart by the client's clock."""

    def act(handler):
        handler.wfile.write(head)
        for _ in range(20):
            skipped.skip(9)
            handler.wfile.write(text)
            handler.server.released.wait(0.01)  # the client reads each on its own
        handler.close_connection = True

    return act


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-More: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["header lines", "header line", "continue", "chunks", "endless body"],
)
def test_an_endless_answer_ends_at_its_deadline(server, connect, skipped, head, text):
    server.plays_at("/movie/1", drip(skipped, head, text))
    with pytest.raises(errors.UnreachableError, match=r"1 try in .* no answer in time"):
        connect().get("/movie/1")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], ids=["header", "body"])
def test_a_silent_server_is_waited_for_until_the_deadline_and_no_longer(server, connect, monkeypatch, head):
    def fall_silent(handler):
        handler.wfile.write(head)
        hang(handler)

    monkeypatch.setattr(tries, "_LAST_TRY_SECONDS", 0.2)
    server.plays_at("/movie/1", fall_silent)
    client = connect(retry_seconds=0, read_timeout=PATIENCE_S)
    with pytest.raises(errors.UnreachableError, match=r"1 try in \d s.* no answer in time"):
        client.get("/movie/1")
    server.plays_at("/movie/1", reply())
    monkeypatch.undo()
    assert client.get("/movie/1").payload == OK


def test_a_deadline_holds_while_a_body_is_decompressed(server, connect, skipped, monkeypatch):
    monkeypatch.setattr(transport, "LARGEST_BODY_BYTES", 1 << 40)
    server.plays_at("/movie/1", reply(200, bomb(b"\n", 100), PACKED))
    client, parts = connect(retry_seconds=1), 0
    looked = skipped.clock

    def clock():
        nonlocal parts
        parts += 1
        skipped.skip(0.5)
        return looked()

    client._clock = clock
    with pytest.raises(errors.UnreachableError, match="no answer in time"):
        client.get("/movie/1")
    assert parts < 60  # of 1,600
