"""Any JSON, and real answers in which any part is replaced by it, as strategies for hypothesis."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

DEEPEST_PATH = 12
HOSTILE_TEXTS = (
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00\ud800",
    "\u202eevil\u2066",
    "\x1b[2J\x07",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|'/C calc'!A0",
    "@SUM(1)",
    "'; drop table dim_movie; --",
    "%s {0} {x} $1 :day \\N",
    "[x](javascript:alert(1))",
    "NaN",
    "null",
    "9" * 400,
    "2026-02-30",
    "0000-00-00",
    "10000-01-01",
    "2026-07-01T25:61:00Z",
    "\u0661\u0662",
    "İ",
    "x" * 20_000,
)
HOSTILE_NUMBERS = (
    *(0, -1, 1, 2**15, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30),
    *(0.0, -0.0, 1e-320, 1e308, 0.1, -5.5, 3.0, 1e20),
    *(float("nan"), float("inf"), float("-inf")),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(HOSTILE_NUMBERS),
    st.sampled_from(HOSTILE_TEXTS),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
)


def nested(depth: int, kind: type) -> Any:
    """A value of that many levels of lists or objects."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind is list else {"id": value}
    return value


ANY_JSON = st.one_of(
    SCALARS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ),
    st.builds(nested, st.sampled_from((3, 100, 240, 260, 900)), st.sampled_from((list, dict))),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a value, the value itself first, down to `DEEPEST_PATH` levels."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items if len(path) < DEEPEST_PATH else ():
        yield from paths(item, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A copy of a value in which the part at `path` is another; the other parts are shared."""
    if not path:
        return by
    made = value.copy()
    made[path[0]] = replaced(value[path[0]], path[1:], by)
    return made


class Breaker:
    """Breaks answers at random, the same way for the same seed: thousands of parts, too many to draw one by one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def anything(self, depth: int = 3) -> Any:
        """Any JSON."""
        kind = self.random.random()
        if depth and kind < 0.15:
            return [self.anything(depth - 1) for _ in range(self.random.randint(0, 4))]
        if depth and kind < 0.3:
            names = ("id", "name", "iso_639_1", "iso_3166_1", *HOSTILE_TEXTS[:14])
            return {self.random.choice(names): self.anything(depth - 1) for _ in range(self.random.randint(0, 4))}
        if kind < 0.33:
            return nested(self.random.choice((3, 100, 240, 260, 900)), self.random.choice((list, dict)))
        if kind < 0.6:
            return self.random.choice(HOSTILE_NUMBERS)
        return self.random.choice((None, True, False, self.random.randint(-9, 10**12), *HOSTILE_TEXTS))

    def broken(self, value: Any, keep: tuple[str, ...] = ()) -> Any:
        """The value with one to three of its parts replaced by any JSON; the fields `keep` of its top stay."""
        for _ in range(self.random.randint(1, 3)):
            found = [path for path in paths(value) if path and path[0] not in keep]
            value = replaced(value, self.random.choice(found), self.anything()) if found else value
        return value


def encoded(value: Any, *, twice: tuple[str, Any] | None = None) -> bytes:
    """The value as a server sends it, NaN and halves of surrogate pairs included; a field may come `twice`."""
    body = json.dumps(value)
    if twice is not None and body.startswith("{"):
        body = "{" + f"{json.dumps(twice[0])}: {json.dumps(twice[1])}, " + body[1:]
    return body.encode()
