"""The progress of an export's download: reported in bytes, and shown when it is slow."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

from tmdb_assets.fetch.export import _shown
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets_tests.cases.export_sample import DAY, line, packed
from tmdb_assets_tests.fakes.scripted_server import drop, reply
from tmdb_assets_tests.stage.waiting import wait_until


@cache
def long() -> bytes:
    """An export that arrives in many pieces."""
    return packed(*(line(number, number / 7) for number in range(1, 60_000)))


def in_two(skipped, seconds, reports):
    """Answer with `long` in two halves; let `seconds` pass for the client before each, once it reported the first."""

    def act(handler):
        body = long()
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        half = len(body) // 2
        for part in (body[:half], body[half:]):
            reported = len(reports)
            skipped.skip(seconds)
            handler.wfile.write(part)
            wait_until(lambda before=reported: len(reports) > before)

    return act


def test_bytes_are_reported_as_they_arrive(server, fetch):
    reports = []
    server.plays(drop, reply(body=long()))
    with fetch(watch=lambda *bytes_: reports.append(bytes_)) as export:
        assert export.lines == 59_999
    assert {promised for _, promised in reports} == {len(long())}
    received = [count for count, _ in reports]
    assert received == sorted(set(received))
    assert received[-1] == len(long())


def test_an_export_without_a_length_is_not_watched(server, fetch):
    reports = []
    server.plays(reply(body=long(), promised=0))
    with fetch(watch=lambda *bytes_: reports.append(bytes_)):
        assert reports == []


@pytest.mark.parametrize("seconds", [0, 20])
def test_only_a_slow_download_is_shown(server, fetch, skipped, seconds):
    lines, reports = [], []
    server.plays(in_two(skipped, seconds, reports))
    fetcher = SimpleNamespace(day=DAY, progress=LogProgress(skipped.clock), say=lines.append)
    with _shown(fetcher, skipped.clock) as watch, fetch(watch=lambda *bytes_: reports.append(watch(*bytes_))):
        pass
    if not seconds:
        assert lines == []
        return
    total = -(-len(long()) // 1000)
    assert lines[0] == f"id export of {DAY}, kB: {total} to go"
    assert lines[-1].startswith(f"id export of {DAY}, kB: {total}/{total} in ")
    assert 3 <= len(lines) <= 5
