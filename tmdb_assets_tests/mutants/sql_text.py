"""Mutants of SQL: one operator, join, order, function or number changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What is replaced by what; longer words first, because the first that fits is taken.
SWAPS: dict[str, str | tuple[str, ...]] = {
    "is not distinct from": "is distinct from",
    "is distinct from": "is not distinct from",
    "is not null": "is null",
    "is null": "is not null",
    "not exists": "exists",
    "inner join": ("left join", "right join"),
    "left join": "inner join",
    "full join": "left join",
    "cross join": "left join",
    "union all": "union",
    "nulls last": "nulls first",
    "nulls first": "nulls last",
    "<>": "=",
    "<=": "<",
    ">=": ">",
    "<": "<=",
    ">": ">=",
    "=": "<>",
    "and": "or",
    "or": "and",
    "asc": "desc",
    "desc": "asc",
    "distinct": "",
    "max(": "min(",
    "min(": "max(",
    "sum(": "max(",
    "avg(": "max(",
    "greatest(": "least(",
    "least(": "greatest(",
    "not": "",
    "true": "false",
    "false": "true",
}
_WORD = re.compile(
    r"(?P<skip>--[^\n]*|'(?:[^']|'')*'|\$\$|::\w+|=>|->>?|:="
    r"|comment on (?:[^';]|'(?:[^']|'')*')*;|create [^\n]*\n(?:set [^\n]*\n)*)"
    r"|(?P<swap>"
    + "|".join(
        rf"(?<!\w){re.escape(word)}(?!\w)"
        if word[0].isalpha() and word[-1].isalpha()
        else rf"(?<!\w){re.escape(word)}"
        if word[0].isalpha()
        else re.escape(word)
        for word in SWAPS
    )
    + r")"
    r"|(?P<arithmetic>(?<=[\w)] )[-+*/](?= (?!from\b)[\w(:]))"
    r"|(?P<number>(?<![\w.:%{])(?<!select )\d+(?:\.\d+)?(?![\w.}]))",
    re.IGNORECASE,
)
_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*"}
_START = re.compile(r"^\s*(?:--[^\n]*\n\s*)*(?:select|insert|update|delete|with|merge|truncate)\b")


def is_sql(text: str) -> bool:
    """Whether a string of the code is a statement."""
    return bool(_START.match(text)) and len(text.split()) > 3


def _is_assignment(lines: list[str], line: int) -> bool:
    """Whether the `=` of a line gives a column its value, so that another operator would be no statement."""
    before = lines[line - 1].rstrip() if line else ""
    return bool(re.match(r"\s*\w+ = ", lines[line])) and before.endswith(("set", ",", "end"))


def sql_mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """The mutants of a text: the line, what is changed, and the whole text changed."""
    for found in _WORD.finditer(text):
        kind, old = found.lastgroup, found.group()
        if kind == "swap":
            swap = SWAPS[old.lower()]
            others = (swap,) if isinstance(swap, str) else swap
        elif kind == "arithmetic":
            others = (_ARITHMETIC[old],)
        elif kind == "number":
            others = (str(float(old) + 1) if "." in old else str(int(old) + 1),)
        else:
            continue
        line = text.count("\n", 0, found.start())
        lines = text.splitlines()
        if old == "=" and _is_assignment(lines, line):
            continue
        shown = " ".join(lines[line].split())
        for new in others:
            what = f"{old} -> {new or 'nothing'} in `{shown}`"
            yield line + 1, what, text[: found.start()] + new + text[found.end() :]
