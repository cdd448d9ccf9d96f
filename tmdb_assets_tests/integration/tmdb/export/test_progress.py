"""How far the download of an export has come: told in bytes, and shown once it turns out to be slow."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tmdb_assets.fetch.export import _shown
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.tmdb.export.download import watched_downloads
from tmdb_assets_tests.cases.export_sample import DAY, line, packed
from tmdb_assets_tests.fakes.scripted_server import drop, reply
from tmdb_assets_tests.stage.waiting import wait_until

LONG = packed(*(line(number, number / 7) for number in range(1, 60_000)))


def in_two(skipped, seconds):
    """Answer with LONG in two halves; so many seconds pass for the client before each."""

    def act(handler):
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(len(LONG)))
        handler.end_headers()
        half = len(LONG) // 2
        for part in (LONG[:half], LONG[half:]):
            looks = skipped.looks
            skipped.skip(seconds)
            handler.wfile.write(part)
            # Until the client has taken some of it, and looked at its clock.
            wait_until(lambda before=looks: skipped.looks > before + 1)

    return act


def test_the_bytes_are_told_as_they_come(server, fetch):
    told = []
    server.plays(drop, reply(body=LONG))
    with watched_downloads(lambda received, promised: told.append((received, promised))), fetch() as export:
        assert export.lines == 59_999
    assert {promised for _, promised in told} == {len(LONG)}
    received = [count for count, _ in told]
    assert received == sorted(set(received))
    assert received[-1] == len(LONG)
    told.clear()
    with fetch():
        assert told == []  # nobody watches any more


def test_an_export_without_a_length_is_not_watched(server, fetch):
    told = []
    server.plays(reply(body=LONG, promised=0))
    with watched_downloads(lambda *bytes_: told.append(bytes_)), fetch():
        assert told == []


@pytest.mark.parametrize("seconds", [0, 20])
def test_a_slow_download_is_shown_at_sensible_steps(server, fetch, skipped, seconds):
    lines = []
    server.plays(in_two(skipped, seconds))
    fetcher = SimpleNamespace(day=DAY, progress=LogProgress(skipped.clock), say=lines.append)
    with _shown(fetcher, skipped.clock), fetch():
        pass
    if not seconds:
        assert lines == []
        return
    total = -(-len(LONG) // 1000)
    assert lines[0] == f"id export of {DAY}, kB: {total} to fetch"
    assert lines[-1].startswith(f"id export of {DAY}, kB: {total}/{total} in ")
    assert 3 <= len(lines) <= 5
