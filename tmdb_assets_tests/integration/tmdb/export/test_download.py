"""The download of a daily id export: retries, timeouts, and errors for days that are not available."""

from __future__ import annotations

import datetime as dt
import socket

import pytest

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb.errors import BadRequestError, UnreachableError
from tmdb_assets.tmdb.export.download import ExportGoneError, ExportNotYetError
from tmdb_assets_tests.cases.export_sample import EXPORT, FILMS, PATH, line, packed
from tmdb_assets_tests.fakes.scripted_server import drop, hang, interim, reply
from tmdb_assets_tests.stage.waiting import wait_until


def hang_after(body):
    def act(handler):
        reply(body=body, promised=10_000)(handler)
        hang(handler)

    return act


def test_only_the_complete_try_counts(server, fetch, skipped, stats):
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
    assert stats.retries == {"unreadable": 1, "connection": 1, "503": 1, "429": 1}
    assert skipped.waits[2] >= 3
    assert skipped.waits[3] >= 2
    assert (stats.requests, stats.bytes) == (5, len(long) - 10 + len(EXPORT))


def test_interim_answers_are_passed_over(server, fetch, stats):
    server.plays(interim(103, 102, then=reply(body=EXPORT)))
    with fetch() as export:
        assert list(export.rows(None)) == [FILMS]
    assert stats.retries == {}


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "a few"])
def test_a_length_that_is_none_is_ignored(server, fetch, length):
    server.plays(reply(body=EXPORT, promised=length))
    with fetch(watch=lambda *_: None) as export:
        assert list(export.rows(None)) == [FILMS]


def test_an_endless_header_ends_with_the_download(server, fetch, skipped):
    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(50):
            skipped.skip(20)
            handler.wfile.write(b"X-More: y\r\n")
            handler.server.released.wait(0.01)  # the client reads each on its own
        handler.close_connection = True

    server.plays(drip)
    with pytest.raises(UnreachableError, match="was not there after 600 s"):
        fetch()
    assert len(server.seen) == 1


def test_a_stalled_download_is_retried(server, fetch, stats):
    server.plays(hang_after(EXPORT[:50]), reply(body=EXPORT))
    with fetch(timeouts=(3, 0.2)) as export:
        assert list(export.rows(None)) == [FILMS]
    assert stats.retries == {"read timeout": 1}


def slow(seconds, skipped, body):
    """An answer in two parts that promises more than `body`, and a watch: `seconds` pass between the two."""
    reports = []

    def act(handler):
        reply(body=body[:25], promised=len(body) + 5)(handler)
        wait_until(lambda: reports)
        handler.wfile.write(body[25:])

    def watch(*_):
        if not reports:
            skipped.skip(seconds)
        reports.append(True)

    return act, watch


def test_a_slow_download_is_retried_too(server, fetch, skipped, stats):
    answer, watch = slow(60, skipped, EXPORT[:50])
    server.plays(answer, reply(body=EXPORT))
    with fetch(retry_seconds=18, watch=watch) as export:
        assert list(export.rows(None)) == [FILMS]
    assert stats.retries == {"unreadable": 1}


def test_a_download_that_takes_too_long_is_aborted(server, fetch, skipped):
    answer, watch = slow(601, skipped, EXPORT[:50])
    server.plays(answer, reply(body=EXPORT))
    with pytest.raises(UnreachableError, match=r"too slow.*2026-08-31"):
        fetch(watch=watch)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("day", "now", "error", "words"),
    [
        ("2026-08-31", "2026-08-31T06:30", ExportNotYetError, ["not published yet", "by 2026-08-31 08:00 UTC"]),
        ("2026-08-31", "2026-08-31T07:59", ExportNotYetError, ["not published yet", "it is 2026-08-31 07:59 UTC"]),
        ("2026-08-31", "2026-08-31T08:00", ExportNotYetError, ["late", "Run again after 2026-08-31 09:00 UTC"]),
        ("2026-08-31", "2026-09-01T23:59", ExportNotYetError, ["late"]),
        ("2026-09-02", "2026-08-31T12:00", ExportNotYetError, ["not published yet"]),
        ("2026-08-31", "2026-09-02T00:00", ExportGoneError, ["no longer published", "3 months"]),
        ("2025-08-31", "2026-09-02T00:00", ExportGoneError, ["no longer published", "TMDB_EXPORT_URL"]),
    ],
)
def test_a_missing_day_fails_at_once_and_says_why(server, fetch, skipped, stats, status, day, now, error, words):
    server.plays(reply(status, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(error) as caught:
        fetch(dt.date.fromisoformat(day), now=dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC))
    text = str(caught.value)
    assert all(word in text for word in [*words, day, str(status)])
    problem = caught.value.problem
    assert "What is already stored is kept" in text
    assert (problem.retry is Retry.NEVER) == (error is ExportGoneError) == ("un again" not in text)
    assert day not in problem.cause or error is ExportNotYetError
    assert "\n" not in text
    assert (len(server.seen), stats.requests, skipped.waits) == (1, 1, [])


@pytest.mark.parametrize("status", [301, 302, 400, 401, 410, 501])
def test_a_refusal_is_not_retried(server, fetch, skipped, status):
    server.plays(reply(status, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(BadRequestError) as caught:
        fetch()
    assert f"({status})" in str(caught.value)
    assert "TMDB_EXPORT_URL" in str(caught.value)
    assert "TOKEN" not in str(caught.value)
    assert (len(server.seen), skipped.waits) == (1, [])


@pytest.mark.parametrize("status", [429, 503])
def test_a_lasting_fault_ends_with_the_retries(server, fetch, skipped, status):
    server.plays(reply(status))
    with pytest.raises(UnreachableError, match=rf"answers with faults .*{status}.*stored is kept") as caught:
        fetch(retry_seconds=18)
    assert "RATE_LIMIT" not in str(caught.value)
    assert len(server.seen) > 3
    assert sum(skipped.waits) <= 18


def test_an_unreachable_host(fetch, skipped):
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
    assert sum(skipped.waits) <= 18


def test_an_invalid_address_is_refused_and_its_login_not_shown(fetch):
    with pytest.raises(UnreachableError, match="TMDB_EXPORT_URL") as caught:
        fetch(base_url="https://me:secret@/p/exports")
    assert "secret" not in str(caught.value)


def test_a_proxy_is_used_for_other_hosts(server, fetch, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/p/exports"))
    with fetch(base_url="http://files.example/p/exports") as export:
        assert export.lines == 5
    assert server.seen[0][0] == f"http://files.example{PATH}"
