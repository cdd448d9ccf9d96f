"""Faults of the server and of the network: retried as long as that can help, then raised as one clear line."""

import datetime as dt
import socket
import ssl
from email.utils import format_datetime

import pytest
import requests

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb import errors
from tmdb_assets_tests.fakes.scripted_server import NOT_FOUND, OK, drop, hang, reply, reset, truncated_chunks

PROXY_PAGE = b"<!DOCTYPE html><title>Not found</title>"
NOT_TMDBS = [PROXY_PAGE, b"", b"null", {}, [NOT_FOUND], {"status_code": "34"}]  # what a 404 of another server says


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        *[(reply(status, {}), str(status)) for status in (408, 429, 500, 502, 503, 504)],
        (reply(promised=500), "unreadable"),
        (reply(200, b'{"id": 1}', promised=500), "unreadable"),
        (truncated_chunks, "unreadable"),
        (reply(200, b""), "unreadable"),
        (reply(200, b"<html>busy</html>"), "unreadable"),
        (reply(200, [OK]), "unreadable"),
        (reply(200, b"no gzip", {"Content-Encoding": "gzip"}), "unreadable"),
        (reply(204, b""), "unreadable"),
        *[(reply(404, body), "unreadable") for body in NOT_TMDBS],
        (reply(404, {**NOT_FOUND, "status_code": 6}), "unreadable"),
        (reply(404, {**NOT_FOUND, "status_code": True}), "unreadable"),
        (reply(200, NOT_FOUND), "unreadable"),
        *[(reply(status, PROXY_PAGE), "unreadable") for status in (400, 401, 405, 410, 422, 451)],
        (drop, "connection"),
        (reset, "connection"),
    ],
)
def test_a_passing_fault_is_retried(server, connect, skipped, fault, kind):
    server.plays_at("/movie/1", fault, reply())
    client = connect()
    assert client.get("/movie/1").payload == OK
    assert dict(client.stats.retries) == {kind: 1}
    assert len(server.seen) == 2
    assert 0.1 <= skipped.waits[0] <= 0.2


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (reply(503, {}), errors.UnreachableError, "503 Service Unavailable"),
        (reply(429, {}), errors.UnreachableError, "TMDB_RATE_LIMIT"),
        (reset, errors.UnreachableError, "connection dropped"),
        (drop, errors.UnreachableError, "connection dropped"),
        (reply(200, b"<html>"), errors.UnreadableAnswerError, "6 tries"),
        (reply(promised=500), errors.UnreadableAnswerError, "cut short"),
        (reply(404, PROXY_PAGE), errors.UnreadableAnswerError, "404 Not Found, but not TMDb's own.*check TMDB_API_URL"),
        (reply(401, PROXY_PAGE), errors.UnreadableAnswerError, "401 Unauthorized, but not TMDb's own.*such as a proxy"),
    ],
)
def test_a_lasting_fault_ends_in_one_clear_line(server, connect, skipped, fault, error, says):
    server.plays_at("/movie/1", fault)
    with pytest.raises(error, match=says) as caught:
        connect().get("/movie/1")
    text = str(caught.value)
    assert f"127.0.0.1:{server.server_port}" in text or "/movie/1" in text
    assert "is kept" in text
    assert "\n" not in text
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert sum(skipped.waits) <= 18 + 1
    assert len(server.seen) >= 4


def test_refused_silent_unresolved_and_dripping_hosts_are_unreachable(server, connect, skipped, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(errors.UnreachableError, match=r"cannot be reached \(\d+ tries .* connection refused"):
            connect(f"http://127.0.0.1:{unused.getsockname()[1]}/3").get("/movie/1")

    server.plays_at("/movie/1", hang)
    with pytest.raises(errors.UnreachableError, match="no answer in time"):
        connect(read_timeout=0.02, retry_seconds=1).get("/movie/1")
    server.released.set()

    def drip(handler):
        handler.send_response_only(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(4):
            skipped.sleep(9)
            handler.wfile.write(b" ")

    server.plays_at("/movie/2", drip)  # a late request for film 1 must not drip too
    before = skipped.clock()
    with pytest.raises(errors.UnreachableError, match=r"1 try in .* no answer in time"):
        connect().get("/movie/2")
    assert 36 <= skipped.clock() - before < 40

    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(errors.UnreachableError, match="its name could not be resolved"):
        connect("http://api.example/3").get("/movie/1")


def test_causes_that_a_loopback_server_cannot_produce():
    blackhole = errors.classify_exception(requests.ConnectTimeout("10.0.0.1"), "api.example", "TMDB_API_URL")
    assert (blackhole.kind, blackhole.cause) == ("connect timeout", "no connection in time")
    refused = requests.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed"))
    untrusted = errors.classify_exception(refused, "api.example", "TMDB_API_URL")
    assert isinstance(untrusted, errors.UnreachableError)
    assert "REQUESTS_CA_BUNDLE" in str(untrusted)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_followed_in_both_forms(server, connect, skipped, status):
    now = dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC)  # both dates are the server's; our clock does not matter
    date = format_datetime(now + dt.timedelta(seconds=5), usegmt=True)
    server.plays_at(
        "/movie/1",
        reply(status, {}, {"Retry-After": "3"}),
        reply(status, {}, {"Retry-After": date, "Date": format_datetime(now, usegmt=True)}),
        reply(status, {}, {"Retry-After": "soon"}),
        reply(),
    )
    assert connect().get("/movie/1").payload == OK
    assert [wait for wait in skipped.waits if wait > 2] == [3, 5]
    assert sum(skipped.waits) == pytest.approx(8, abs=0.9)


@pytest.mark.parametrize("seconds", [19, 60, 120])
def test_a_retry_after_of_a_429_of_up_to_two_minutes_is_followed(server, connect, skipped, seconds):
    server.plays_at("/movie/1", reply(429, {}, {"Retry-After": str(seconds)}), reply(503, {}), reply())
    client = connect()
    before = skipped.clock()
    assert client.get("/movie/1").payload == OK
    assert skipped.waits[0] == seconds
    assert seconds <= skipped.clock() - before <= seconds + 2
    assert client.stats.snapshot()["seconds_waited"] == pytest.approx(seconds, abs=2)


def test_a_wait_caused_by_another_request_does_not_use_up_the_retries(server, connect, skipped):
    client = connect()

    def refuse_another(handler):
        client._pace.refuse(100, sent_at=skipped.clock())
        reply(503, {})(handler)

    server.plays_at("/movie/1", refuse_another, reply(503, {}), reply())
    assert client.get("/movie/1").payload == OK
    assert sum(skipped.waits) == pytest.approx(100, abs=2)


def test_waiting_for_a_low_rate_limit_does_not_use_up_the_retries(server, connect, skipped):
    server.plays_at("/movie/1", *[reply(503, {})] * 3, reply())
    before = skipped.clock()
    assert connect(rate_limit=0.02).get("/movie/1").payload == OK
    assert skipped.clock() - before == pytest.approx(3 * 50, abs=10)


def test_a_server_that_only_refuses_is_given_up_after_ten_minutes(server, connect, skipped):
    server.plays_at("/movie/1", reply(429, {}, {"Retry-After": "90"}))
    client = connect()
    before = skipped.clock()
    with pytest.raises(errors.UnreachableError, match=r"7 tries in 540 s; it asks us to wait 90 s\).*Run again after"):
        client.get("/movie/1")
    assert skipped.clock() - before == pytest.approx(540, abs=1)
    server.plays_at("/movie/2", reply(429, {}, {"Retry-After": "90"}))
    with pytest.raises(errors.UnreachableError, match="1 try in 6"):
        client.get("/movie/2")  # the ten minutes are those of all requests while TMDb answers only 429s
    assert len(server.seen) == 8
    server.plays_at("/movie/2", reply())
    assert client.get("/movie/2").payload == OK


def test_a_retry_after_of_hours_fails_at_once_and_delays_others_by_the_time_for_retries(server, connect, skipped):
    server.plays_at("/movie/1", reply(429, {}, {"Retry-After": "7200"}))
    client = connect()
    with pytest.raises(errors.UnreachableError, match=r"it asks us to wait 2 hours\)\. What.* Run again after 20\d\d-"):
        client.get("/movie/1")
    assert (len(server.seen), skipped.waits) == (1, [])
    assert (client.stats.rate_limited, dict(client.stats.retries)) == (1, {})
    assert client.get("/movie/2").payload == OK
    assert sum(skipped.waits) == pytest.approx(18, abs=1)


@pytest.mark.parametrize(
    ("retry_after", "words", "when"),
    [
        (None, "in 18 s)", "Run again later"),
        (121, "it asks us to wait 121 s", "after 2026-07-29 12:03 UTC"),
        (1500, "it asks us to wait 25 minutes", "after 2026-07-29 12:26 UTC"),
        (9000, "it asks us to wait 2.5 hours", "after 2026-07-29 14:31 UTC"),
        (10_627_200, "it asks us to wait 123 days", "after 2026-11-29 12:01 UTC"),
        (1e15, "it asks us to wait more than a year", "after 2027-07-30"),
    ],
)
def test_a_429_says_how_long_to_wait_and_when_to_run_again(retry_after, words, when):
    now = dt.datetime(2026, 7, 29, 12, tzinfo=dt.UTC)
    error = errors.refused_error("api.example", 5, 18.2, retry_after, now)
    assert (error.problem.retry, error.problem.setting) == (Retry.LATER, "TMDB_RATE_LIMIT")
    text = str(error)
    assert words in text
    assert when in text
    assert "lower TMDB_RATE_LIMIT" in text
    assert "is kept" in text


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "says"),
    [
        (401, {"status_code": 7, "status_message": "Invalid key."}, {}, "Unauthorized", r"\(401, code 7\): Invalid"),
        (401, {"status_code": 7}, {}, "Unauthorized", r"\(401, code 7\).* TMDB_TOKEN .* v4 read access token"),
        (400, {"status_code": 22, "status_message": "Invalid."}, {}, "BadRequest", r"\(400, code 22\): Invalid"),
        (422, {"errors": ["page must be\nless"]}, {}, "BadRequest", r"\(422\): \['page must be"),
        (403, {"status_code": 45, "status_message": "Suspended."}, {}, "BadRequest", r"\(403, code 45\).*contact TMDb"),
        (403, PROXY_PAGE, {}, "BadRequest", r"\(403 Forbidden\).* or your network's administrator"),
        (407, PROXY_PAGE, {}, "BadRequest", "HTTPS_PROXY"),
        (410, {"status_code": 34}, {}, "BadRequest", r"\(410, code 34\)"),
        (501, {"status_code": 2}, {}, "BadRequest", r"\(501, code 2\)"),
        (301, b"", {"Location": "https://other.example/x?y"}, "BadRequest", r"to https://other\.example \(301\)"),
        (302, b"", {}, "BadRequest", "TMDB_API_URL"),
    ],
)
def test_a_refusal_is_final(server, connect, status, body, headers, error, says):
    server.plays_at("/movie/1", reply(status, body, headers))
    with pytest.raises(getattr(errors, f"{error}Error"), match=says) as caught:
        connect().get("/movie/1")
    assert len(server.seen) == 1
    assert "\n" not in str(caught.value)
