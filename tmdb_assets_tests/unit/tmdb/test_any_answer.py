"""Any bytes and any JSON as an answer of TMDb: read, or refused in words; what is read, Postgres can store."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.export import file as export_file
from tmdb_assets.tmdb.export.file import DamageError, ExportFile, Unpacker
from tmdb_assets.tmdb.listing import Listing
from tmdb_assets.tmdb.pages import CHANGES, DISCOVER, contradiction, films_of, forgiven, read_page
from tmdb_assets.tmdb.payload import Answer, read_answer
from tmdb_assets_tests.cases.any_json import ANY_JSON, encoded

AT = dt.datetime(2026, 7, 29, 9, tzinfo=dt.UTC)
MANY = settings(max_examples=150)
PATHS = st.sampled_from(("/movie/1", "/discover/movie", "/configuration/languages", "/movie/changes"))


def assert_storable(value):
    """Postgres's jsonb stores neither NUL nor half of a surrogate pair; orjson writes neither NaN nor 65 bits."""
    text = orjson.dumps(value).decode()
    assert "\\u0000" not in text.replace("\\\\", "")


@MANY
@given(PATHS, st.sampled_from((200, 404)), st.one_of(st.binary(max_size=60), ANY_JSON.map(encoded)))
def test_any_body_is_read_or_refused(path, status, body):
    refusal = ""
    try:
        assert_storable(read_answer(path, status, body, AT).payload)
    except ValueError as error:
        refusal = str(error)
    assert len(refusal) < 200


def test_an_error_of_any_length_is_named_in_short():
    with pytest.raises(ValueError, match=r"an error with status 200: status_code x{40}$"):
        read_answer("/movie/1", 200, encoded({"success": False, "status_code": "x" * 10_000}), AT)


PAGE = st.fixed_dictionaries(
    {},
    optional={
        "page": st.one_of(st.just(1), ANY_JSON),
        "results": st.one_of(
            st.lists(st.one_of(st.fixed_dictionaries({"id": ANY_JSON}), ANY_JSON), max_size=5), ANY_JSON
        ),
        "total_pages": ANY_JSON,
        "total_results": ANY_JSON,
    },
)


@MANY
@given(st.sampled_from((DISCOVER, CHANGES)), PAGE)
def test_any_page_is_believed_or_has_a_problem(kind, payload):
    try:
        read = read_answer(kind.path, 200, encoded(payload), AT)
    except ValueError:
        return
    page = forgiven(kind, read_page(kind, 1, read))
    assert len(films_of(page)) == len(page.results)
    assert 0 <= page.total_pages < 2**31
    contradiction(kind, page, page.total_results)
    assert page.problem is None or len(page.problem) < 300
    listing = Listing(kind)
    assert listing.expected(500) >= 0


def unpacked(body):
    written = io.BytesIO()
    unpacker = Unpacker(written)
    unpacker.feed(gzip.compress(body))
    unpacker.finish()
    return [
        film for chunk in ExportFile(written, unpacker.lines, unpacker.skipped).rows(None) for film in chunk
    ], unpacker


LINES = st.one_of(
    st.fixed_dictionaries({"id": ANY_JSON, "popularity": ANY_JSON}).map(encoded),
    ANY_JSON.map(encoded),
    st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")),
)


@MANY
@given(st.lists(LINES, max_size=12))
def test_any_line_of_an_export_is_a_film_or_skipped(lines):
    good = b'{"adult":false,"id":7,"original_title":"x","popularity":1.5,"video":false}'
    films, unpacker = unpacked(b"\n".join([*lines, good]))
    assert films[-1] == (7, 1.5)
    assert len(films) + unpacker.skipped == unpacker.lines <= len(lines) + 1
    assert all(0 < movie_id < 2**63 and 0 <= popularity < 1e309 for movie_id, popularity in films)


@MANY
@given(st.binary(max_size=200))
def test_any_bytes_are_an_export_or_damaged(body):
    unpacker = Unpacker(io.BytesIO())

    def read():
        unpacker.feed(body)
        unpacker.finish()

    with pytest.raises(DamageError):
        read()


def test_an_export_that_unpacks_to_more_than_a_gigabyte_is_refused(monkeypatch):
    monkeypatch.setattr(export_file, "MOST_BYTES", 10 << 20)
    packed = gzip.compress(b"0" * (11 << 20))
    assert len(packed) < 20_000, "a bomb of a few kilobytes"
    written = io.BytesIO()
    with pytest.raises(DamageError, match="larger than"):
        Unpacker(written).feed(packed)
    assert written.getbuffer().nbytes == 0


def test_the_later_of_two_equal_fields_counts():
    answer = read_answer("/movie/1", 200, encoded({"id": 1, "title": "later"}, twice=("title", "earlier")), AT)
    assert answer == Answer(200, {"title": "later", "id": 1}, AT)
    assert json.loads(encoded({"id": 1}, twice=("id", 2))) == {"id": 1}
