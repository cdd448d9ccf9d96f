"""An answer's body: parsed, checked, and cleaned for Postgres' jsonb.

jsonb stores neither the NUL character nor half of a surrogate pair, although JSON can encode both:
https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import orjson

MAX_DEPTH = 250  # orjson can write this many levels, but reads more
NOT_FOUND = 34  # TMDb's status_code of a film that does not exist
# A value takes up to 100 bytes of memory, so that a body of 64 MB could take 2 GB. TMDb's longest list has 2,700.
_MOST_VALUES = 1_000_000
_LONGEST_TEXT = 10_000_000  # characters; TMDb's longest has 1,000
# All other paths answer with an object.
_LISTS = frozenset({"/configuration/countries", "/configuration/languages"})

_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE = re.compile(
    rb"\\(?:(?P<nul>u0000)|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a NUL; a surrogate pair
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",  # a lone surrogate; any other escape
    re.DOTALL,
)


@dataclass(frozen=True)
class Answer:
    """What TMDb answered: `status` 200 with its payload, or 404 with None; `fetched_at` is aware, in UTC.

    `removed_characters` counts removed NULs and lone surrogates replaced by U+FFFD.
    """

    status: int
    payload: Any | None
    fetched_at: dt.datetime
    removed_characters: int = 0


def read_answer(path: str, status: int, body: bytes | bytearray, fetched_at: dt.datetime) -> Answer:
    """Return the answer to `path`, received at `fetched_at`.

    A 404 is an answer only in TMDb's own words: anything between here and TMDb can send one. Raises `ValueError` for
    any other 404, for an error with status 200, and for invalid JSON or a body of the wrong type.
    """
    if status == 404:
        code = (read_error(body) or {}).get("status_code")
        if type(code) is not int or code != NOT_FOUND:
            raise ValueError("404 Not Found, but not TMDb's own")
        return Answer(404, None, fetched_at)
    try:
        payload, removed_characters = read_json(body)
    except orjson.JSONDecodeError:
        # The parser's message quotes the body, which does not help the reader.
        raise ValueError("no valid JSON") from None
    expected = list if path in _LISTS else dict
    if not isinstance(payload, expected):
        raise ValueError(f"a JSON {type(payload).__name__} instead of a {expected.__name__}")
    if isinstance(payload, dict) and payload.get("success") is False:
        raise ValueError(f"an error with status 200: status_code {str(payload.get('status_code'))[:40]}")
    return Answer(200, payload, fetched_at, removed_characters)


def read_error(body: bytes | bytearray) -> dict[str, Any] | None:
    """Return the fields of an error answer; None for a body that no API sends, such as a proxy's page.

    TMDb's own errors: https://developer.themoviedb.org/docs/errors
    """
    try:
        fields, _ = read_json(body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def read_json(body: bytes | bytearray) -> tuple[Any, int]:
    """Parse JSON; remove NULs and replace lone surrogates by U+FFFD, in keys as well as in values. Return their number.

    Raises `ValueError` for anything that is not JSON: NaN, Infinity, numbers beyond a double, bad UTF-8; and for
    nesting that orjson cannot write, more than a million values and escapes, or a text of over 10 million characters.
    Integers beyond 64 bits become floats. Raw NULs, which JSON forbids, count too.
    """
    if sum(map(body.count, (b",", b"[", b"{", b"\\"))) > _MOST_VALUES:
        raise ValueError("more values than an answer can have")
    removed = body.count(b"\0")
    body = body.replace(b"\0", b"")

    def clean(escape: re.Match[bytes]) -> bytes:
        nonlocal removed
        removed += escape.lastgroup is not None
        return {"nul": b"", "lone": rb"\ufffd"}.get(escape.lastgroup or "", escape[0])

    if _SUSPICIOUS.search(body):
        body = _ESCAPE.sub(clean, body)
    value = orjson.loads(body)
    # Counting brackets is much cheaper than writing the value, and ordinary answers have fewer.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError:
            raise ValueError("nested too deeply") from None
    if len(body) > _LONGEST_TEXT and _has_long_text(value):
        raise ValueError("a text longer than an answer can have")
    return value, removed


def _has_long_text(value: Any) -> bool:
    """Whether a text or key in a value is longer than `_LONGEST_TEXT`."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str) and len(item) > _LONGEST_TEXT:
            return True
        if isinstance(item, list):
            todo += item
        elif isinstance(item, dict):
            todo += [*item, *item.values()]
    return False
