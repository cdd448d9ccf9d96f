"""Rows to frames with declared dtypes: the only place where values are cast.

A value that is not of its column's kind rejects the row, with the reason; nothing is guessed and nothing is lost.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal[
    "integer", "number", "text", "date", "boolean", "timestamp", "json", "integers", "texts", "dates"
]

PANDAS_DTYPES: dict[Kind, str] = {
    "integer": "Int64",
    "number": "Float64",
    "text": "string",
    "date": "object",
    "boolean": "boolean",
    "timestamp": "object",
    "json": "object",
    "integers": "object",
    "texts": "object",
    "dates": "object",
}
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SHOWN_CHARACTERS = 100  # of a bad value, in a reason


@dataclass(frozen=True)
class Reason:
    """Why a row was rejected: the rule it broke and the value, shortened."""

    rule: str
    value: str


@dataclass(frozen=True)
class Rejected:
    """A row that broke its contract, unchanged, with every reason; `part` names where it came from."""

    row: Row
    reasons: tuple[Reason, ...]
    part: str | None = None


@dataclass
class Conformed:
    """A frame whose columns have their declared dtypes, and the rows that do not fit it.

    `received` counts the incoming rows, before repeated keys are dropped.
    """

    frame: pd.DataFrame
    received: int
    rejected: list[Rejected] = field(default_factory=list)


class WrongKindError(ValueError):
    """A value is not of its column's kind."""


def shorten(value: Any) -> str:
    """A value as reasons and examples show it: at most 100 characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise WrongKindError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongKindError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:  # Postgres stores no NUL; the client removes and counts them
        raise WrongKindError
    return value


def _date(value: Any) -> dt.date:
    if isinstance(value, str):
        try:
            if not ISO_DATE.fullmatch(value):  # fromisoformat also accepts 20240105 and 2024-W01-5
                raise WrongKindError
            return dt.date.fromisoformat(value)
        except ValueError:
            raise WrongKindError from None
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise WrongKindError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongKindError
    return value


def _timestamp(value: Any) -> dt.datetime:
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        raise WrongKindError
    return value


def _json(value: Any) -> Any:
    return value


def _list_of(cast: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def cast_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise WrongKindError
        return [cast(item) for item in value]

    return cast_all


CASTS: dict[Kind, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "text": _text,
    "date": _date,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "json": _json,
    "integers": _list_of(_integer),
    "texts": _list_of(_text),
    "dates": _list_of(_date),
}


def conform(
    rows: Iterable[Row],
    columns: Mapping[str, Kind],
    *,
    key: tuple[str, ...] = (),
    part: Callable[[Row], str | None] | None = None,
) -> Conformed:
    """Cast rows to the kinds of `columns` (name -> kind) and keep the last row of each `key`.

    Missing columns are None; other keys of a row are ignored. `part` names where a rejected row came from.
    """
    import pandas as pd

    casts = [(name, CASTS[kind], kind) for name, kind in columns.items()]
    accepted: dict[Any, list[Any]] = {}
    rejected: list[Rejected] = []
    received = 0
    for row in rows:
        received += 1
        reasons = []
        cells = []
        for name, cast, kind in casts:
            value = row.get(name)
            if value is not None:
                try:
                    value = cast(value)
                except (WrongKindError, OverflowError):
                    reasons.append(Reason(f"{name} is of kind {kind}", shorten(value)))
            cells.append(value)
        if reasons:
            rejected.append(Rejected(row, tuple(reasons), part(row) if part else None))
            continue
        identity: Any = tuple(row.get(name) for name in key)
        if not key or None in identity:  # rows without a key do not repeat each other: the contract judges each
            identity = received
        accepted.pop(identity, None)  # the later row wins and takes the later position
        accepted[identity] = cells
    data = list(zip(*accepted.values(), strict=True)) if accepted else [()] * len(casts)
    frame = pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=PANDAS_DTYPES[kind])
            for (name, _, kind), values in zip(casts, data, strict=True)
        }
    )
    return Conformed(frame, received, rejected)
