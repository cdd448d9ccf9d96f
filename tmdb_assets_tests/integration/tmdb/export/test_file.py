"""The file of a daily id export: checked while it streams, and read in chunks."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import tracemalloc

import pytest

from tmdb_assets.tmdb.errors import UnreachableError
from tmdb_assets.tmdb.export import file
from tmdb_assets.tmdb.export.download import ExportCorruptError
from tmdb_assets_tests.cases.export_sample import EXPORT, FILMS, PATH, line, packed
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS
from tmdb_assets_tests.fakes.scripted_server import reply


def test_the_films_are_those_of_the_export(server, fetch, stats, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with fetch(base_url=server.url + "/") as export:
        assert list(export.rows(None)) == [FILMS]
        assert list(export.rows({2, 7, 999}, chunk=1)) == [[(2, 9.318)], [(7, 0.0)]]
        assert [len(part) for part in export.rows(None, chunk=2)] == [2, 2, 1]
        assert list(export.rows(set())) == []
        assert [list(map(type, row)) for row in next(export.rows(None))] == [[int, float]] * 5
        assert (export.lines, export.skipped) == (5, 0)
    ((path, headers),) = server.seen
    assert path == PATH
    assert {name.lower() for name in headers} == {"host", "accept-encoding", "user-agent"}
    assert headers["Accept-Encoding"] == "identity"
    assert (stats.requests, stats.bytes) == (1, len(EXPORT))


def test_two_iterators_are_independent(server, fetch):
    films = [(number, number / 7) for number in range(1, 20_001)]
    server.plays(reply(body=packed(*(line(*film) for film in films))))
    with fetch() as export:
        both = list(zip(export.rows(None, chunk=999), export.rows(None, chunk=999), strict=True))
    assert all(one == other for one, other in both)
    assert [film for part, _ in both for film in part] == films


def test_the_file_is_deleted_with_the_context(fetch):
    with fetch() as export:
        pass
    with pytest.raises(ValueError, match="closed"):
        list(export.rows(None))


@pytest.mark.parametrize("day", ["07_29_2026", "07_31_2026", "12_01_2025"])
def test_exports_of_recorded_films(server, fetch, day):
    path = RECORDINGS / "export" / "derived" / f"movie_ids_{day}.json.gz"
    if not path.is_file():
        pytest.skip("the recorded TMDb answers are missing: they belong in ../shared/tmdb, next to the repository")
    server.plays(reply(body=path.read_bytes()))
    films = [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]
    with fetch(dt.datetime.strptime(day, "%m_%d_%Y").date()) as export:
        assert export.lines == len(films) > 800
        assert export.skipped == 0
        assert next(export.rows(None)) == [(film["id"], film["popularity"]) for film in films]
    assert server.seen[0][0].endswith(path.name)


def test_lines_without_a_film_are_skipped_and_counted(server, fetch):
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


BROKEN = {
    "a byte order mark": (packed(b"\xef\xbb\xbf" + line(1), line(2)), [1, 2], 0),
    "ends of lines of Windows": (packed(line(1) + b"\r", b"\r", line(2) + b"\r"), [1, 2], 0),
    "blank lines": (packed(b"", line(1), b" \t", line(2), b"", b""), [1, 2], 0),
    "zeros at the end of the text": (packed(line(1), line(2), bytes(3_000_000), end=b""), [1, 2], 0),
    "zeros after the last line": (packed(line(1), line(2) + bytes(512), end=b""), [1, 2], 0),
    "zeros after the file": (packed(line(1), line(2)) + bytes(200_000), [1, 2], 0),
    "zeros between members": (packed(line(1)) + bytes(512) + packed(line(2)), [1, 2], 0),
    "half a line": (packed(line(1), b'{"id": 3, "popularity"', line(2)), [1, 2], 1),
    "half a line at the end": (packed(line(1), line(2), b'{"id": 3', end=b""), [1, 2], 1),
    "a trailing comma": (packed(line(1), line(3) + b",", line(2)), [1, 2], 1),
    "bad UTF-8": (packed(line(1), b'{"id": 3, "popularity": 1, "title": "\xff"}', line(2)), [1, 2], 1),
    "NaN": (packed(line(1), line(3, float("nan")), line(3, float("-inf")), line(2)), [1, 2], 2),
    "endless nesting": (packed(line(1), b"[" * 200_000, line(2)), [1, 2], 1),
    "an endless number": (packed(line(1), b'{"id": %s}' % (b"9" * 9_000), line(2)), [1, 2], 1),
    "an endless line": (packed(line(1), b"x" * 3_000_000, line(2)), [1, 2], 1),
    "an id twice": (packed(line(1), line(2), line(1)), [1, 2, 1], 0),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_line_loses_itself_and_not_the_file(server, fetch, what):
    body, films, skipped_lines = BROKEN[what]
    server.plays(reply(body=body))
    with fetch() as export:
        assert [film for chunk in export.rows(None) for film, _ in chunk] == films
        assert (export.lines, export.skipped) == (len(films) + skipped_lines, skipped_lines)


@pytest.mark.parametrize("text", [b"\n", b" ", b"\0"])
def test_a_deadline_holds_while_a_bomb_is_unpacked(server, fetch, skipped, monkeypatch, text):
    blocks = 0

    def split(self, block):
        nonlocal blocks
        blocks += 1
        skipped.skip(10)

    monkeypatch.setattr(file.Unpacker, "_split", split)
    server.plays(reply(body=gzip.compress(text * 100_000_000, compresslevel=1)))
    with pytest.raises(UnreachableError, match="was not there after 30 s"):
        fetch(download_seconds=30)
    assert blocks <= 4


def test_several_gzip_members_are_one_export(server, fetch):
    server.plays(reply(body=packed(line(1), end=b"") + gzip.compress(b"\n") + packed(line(2), end=b"")))
    with fetch() as export:
        assert list(export.rows(None)) == [[(1, 1.5), (2, 1.5)]]


@pytest.mark.long
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
    assert peak < 6_000_000  # the text has 18 MB, the films as tuples 21 MB


FLIPPED = EXPORT[:-6] + bytes([EXPORT[-6] ^ 1]) + EXPORT[-5:]
DAMAGED = {
    "short of its length": (reply(body=EXPORT[:-20], promised=len(EXPORT)), "cut short"),
    "short without a length": (reply(body=EXPORT[:-20], promised=0), "cut short"),
    "short by its checksum": (reply(body=EXPORT[:-4]), "cut short"),
    "wrong checksum": (reply(body=FLIPPED), "not valid gzip"),
    "a page instead": (reply(body=b"<html>Please log in"), "not valid gzip"),
    "bytes after it": (reply(body=EXPORT + b"x" * 40), "not valid gzip"),
    "nothing": (reply(body=b""), "cut short"),
    "no line": (reply(body=gzip.compress(b"")), "no film in 0 lines"),
    "no film": (reply(body=packed(b'{"identity": 4}')), "no film in 1 lines"),
    "no JSON": (reply(body=packed(b'{"id": 4', b"<p>")), "no film in 2 lines"),
    "not packed": (reply(body=line() + b"\n"), "not valid gzip"),
    "packed twice": (reply(body=gzip.compress(EXPORT)), "no film in 1 lines"),
    "too many bytes": (reply(body=gzip.compress(bytes(5_000_000))), "larger than 4 MB or 1,000 lines"),
    "too many lines": (reply(body=gzip.compress(b"\n" * 1_001)), "larger than 4 MB or 1,000 lines"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_export_is_refused_after_retries(server, fetch, skipped, monkeypatch, damage):
    if damage.startswith("too many"):
        monkeypatch.setattr(file, "MOST_BYTES", 4 << 20)
        monkeypatch.setattr(file, "MOST_LINES", 1_000)
    action, cause = DAMAGED[damage]
    server.plays(action)
    with pytest.raises(ExportCorruptError) as caught:
        fetch()
    text = str(caught.value)
    assert cause in text
    assert "2026-08-31" in text
    assert server.host in text
    assert "\n" not in text
    assert 2 <= len(server.seen) == len(skipped.waits) + 1 <= 10
    assert f"{len(server.seen)} tries" in text
