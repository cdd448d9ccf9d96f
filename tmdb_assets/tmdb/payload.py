"""An answer's body: read completely, parsed, and cleaned for Postgres' jsonb.

jsonb stores neither the NUL character nor half of a surrogate pair, although JSON can encode both:
https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

# orjson writes at most this many levels: deeper nesting could be read but not stored.
MAX_DEPTH = 250
_READ_BYTES = 65_536
# All other paths answer with an object.
_LISTS = frozenset({"/configuration/countries", "/configuration/languages"})

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUL = re.compile("\x00")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


@dataclass(frozen=True)
class Answer:
    """What TMDb answered: `status` 200 with its payload, or 404 with None; `fetched_at` is aware, in UTC.

    `removed_characters` counts removed NULs and lone surrogates replaced by U+FFFD.
    """

    status: int
    payload: Any | None
    fetched_at: dt.datetime
    removed_characters: int = 0


def read_body(response: requests.Response, clock: Callable[[], float], deadline: float) -> bytes:
    """Return the whole body of a streamed response, decompressed.

    Raises `TimeoutError` when it is still arriving at `deadline` (a time of `clock`; a socket timeout only detects a
    silent server), and what urllib3 raises, as for a body that is shorter than its Content-Length.
    """
    parts: list[bytes] = []
    while part := response.raw.read1(_READ_BYTES, decode_content=True):
        parts.append(part)
        if clock() > deadline:
            raise TimeoutError
    return b"".join(parts)


def read_answer(path: str, status: int, body: bytes) -> Answer:
    """Return the answer to `path`, received now. Raises `ValueError` for invalid JSON or a body of the wrong type."""
    fetched_at = dt.datetime.now(dt.UTC)
    if status == 404:
        return Answer(404, None, fetched_at)
    try:
        payload, removed_characters = read_json(body)
    except ValueError:
        # The parser's message quotes the body, which does not help the reader.
        raise ValueError("no valid JSON") from None
    expected = list if path in _LISTS else dict
    if not isinstance(payload, expected):
        raise ValueError(f"a JSON {type(payload).__name__} instead of a {expected.__name__}")
    return Answer(200, payload, fetched_at, removed_characters)


def read_json(body: bytes) -> tuple[Any, int]:
    """Parse JSON; remove NULs and replace lone surrogates by U+FFFD, in keys as well as in values. Return their number.

    Raises `ValueError` for anything that is not JSON: NaN, Infinity, numbers beyond a double, bad UTF-8, nesting
    deeper than `MAX_DEPTH`. Integers beyond 64 bits become floats, as in orjson. A raw NUL inside a string, which JSON
    forbids, is removed too.
    """
    raw_nul = b"\0" in body
    suspicious = raw_nul or b"\\u0000" in body
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        if not raw_nul and not _SURROGATE_ESCAPE.search(body):
            raise
        value, suspicious = _read_leniently(body, allow_control=raw_nul), True
    # Counting brackets is a hundred times cheaper than walking the value, and ordinary answers have fewer.
    if not suspicious and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return value, 0
    removed = [0]
    return _clean(value, removed, 0), removed[0]


def _read_leniently(body: bytes, *, allow_control: bool) -> Any:
    """Parse with the standard library, which accepts lone surrogates; numbers as in orjson."""
    try:
        return json.loads(
            body.decode("utf-8"),
            strict=not allow_control,
            parse_constant=_refuse,
            parse_int=_whole_number,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _whole_number(text: str) -> int | float:
    # Every 64-bit integer fits in twenty characters; int() of a long text is slow, and Python refuses very long ones.
    if len(text) > 20:
        return _finite(text)
    number = int(text)
    return number if _INT64_MIN <= number <= _UINT64_MAX else float(number)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large for a double")
    return number


def _clean(value: Any, removed: list[int], depth: int) -> Any:
    if isinstance(value, str):
        return _clean_text(value, removed)
    if isinstance(value, (list, dict)):
        if depth >= MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, list):
            return [_clean(item, removed, depth + 1) for item in value]
        return {_clean_text(key, removed): _clean(item, removed, depth + 1) for key, item in value.items()}
    return value


def _clean_text(text: str, removed: list[int]) -> str:
    text, nuls = _NUL.subn("", text)
    text, surrogates = _LONE_SURROGATE.subn("\ufffd", text)
    removed[0] += nuls + surrogates
    return text
