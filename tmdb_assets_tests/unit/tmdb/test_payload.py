"""What `read_json` accepts, cleans and refuses."""

import datetime as dt
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmdb_assets.tmdb.payload import MAX_DEPTH, read_answer, read_json

AT = dt.datetime(2026, 7, 29, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("body", "value", "removed"),
    [
        (b'{"title": "Am\xc3\xa9lie", "votes": 3, "x": null}', {"title": "Amélie", "votes": 3, "x": None}, 0),
        (rb'"\ud83c\udfac"', "🎬", 0),
        (rb'{"title": "A\u0000B\u0000"}', {"title": "AB"}, 2),
        (rb'{"ti\u0000tle": ["\u0000", {"n": "\u0000"}]}', {"title": ["", {"n": ""}]}, 3),
        (rb'"\\u0000 is text"', r"\u0000 is text", 0),
        (b'{"title": "A\x00B"}\x00', {"title": "AB"}, 2),
        (rb'"\ud800x"', "\ufffdx", 1),
        (rb'"x\udc00"', "x\ufffd", 1),
        (rb'"\uDBFF\uDBFF \ud83c\udfac \u0000"', "\ufffd\ufffd 🎬 ", 3),
        (rb'{"\ud800": 1}', {"\ufffd": 1}, 1),
    ],
)
def test_text_is_cleaned_and_counted(body, value, removed):
    assert read_json(body) == (value, removed)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b'{"a": 1',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"9" * 400,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'{"a": 1} {"b": 2}',
        b'"tab\tin"',
        rb'["\ud800", NaN]',
        rb'["\ud800", Infinity]',
        rb'["\ud800", 1e999]',
        rb'["\ud800", ' + b"9" * 5000 + b"]",
        rb'"\ud800' + b'\t"',
        rb'"\ud800',
        rb'"\ud800' + b'\xff"',
        b"[" * 300 + b"]" * 300,
        b"[" * 100_000,
        b"[" * 100_000 + rb'"\ud800"' + b"]" * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
    ],
)
def test_invalid_json_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        read_json(body)


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 2**64, -(2**63) - 1, 10**30])
def test_integers_beyond_64_bits_become_floats(number):
    ((found,), _) = read_json(b"[%d]" % number)
    assert found == pytest.approx(number)
    assert type(found) is (int if -(2**63) <= number < 2**64 else float)


def test_the_deepest_and_the_widest_accepted_values_can_be_written_again():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert orjson.dumps(read_json(deep)[0]) == deep
    assert read_json(b"[" + b"[]," * 1000 + b"[]]") == ([[]] * 1001, 0)


TEXT = st.text(st.characters(), max_size=8) | st.text("\x00\ud800\udfffa", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_result_contains_nothing_that_jsonb_refuses(value):
    body = json.dumps(value).encode()
    cleaned, removed = read_json(body)
    written = orjson.dumps(cleaned)
    assert b"\\u0000" not in written.replace(b"\\\\", b"")
    assert read_json(written) == (cleaned, 0)
    parsed = json.loads(body)
    assert removed == count_refused(parsed)
    assert removed or cleaned == parsed


def count_refused(value):
    if isinstance(value, str):
        return sum(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, list):
        return sum(map(count_refused, value))
    if isinstance(value, dict):
        return sum(count_refused(key) + count_refused(item) for key, item in value.items())
    return 0


def test_an_answer_must_have_the_type_of_its_path():
    assert read_answer("/movie/1", 200, b'{"id": 1}', AT).payload == {"id": 1}
    assert read_answer("/configuration/countries", 200, b"[]", AT).payload == []
    missing = read_answer("/movie/1", 404, b'{"success":false,"status_code":34,"status_message":"Not found."}', AT)
    assert (missing.status, missing.payload) == (404, None)
    assert missing.fetched_at == AT
    with pytest.raises(ValueError, match="404 Not Found, but not TMDb's own"):
        read_answer("/movie/1", 404, b"<html>", AT)
    with pytest.raises(ValueError, match="a JSON list instead of a dict"):
        read_answer("/movie/1", 200, b"[]", AT)
    with pytest.raises(ValueError, match="a JSON dict instead of a list"):
        read_answer("/configuration/languages", 200, b"{}", AT)
    with pytest.raises(ValueError, match=r"^no valid JSON$"):
        read_answer("/movie/1", 200, b"secret", AT)
