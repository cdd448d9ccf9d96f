"""Rows to columns of declared kinds, and to frames with their dtypes: the only place where values are cast.

A value that is not of its column's kind rejects the row, with the reason; nothing is guessed and nothing is lost.
A column whose values are all of its kind, as nearly all are, is cast at once; rows are judged one by one only where a
column has another value. pandas is imported only where a frame is used.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tmdb_assets.transforms.packed import PackedRows

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


@dataclass(frozen=True)
class Columns:
    """Rows by column: the values of each column of its kind, None for missing ones."""

    kinds: Mapping[str, Kind]
    cells: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.cells[0]) if self.cells else 0

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same as a frame whose columns have their declared dtypes."""
        import pandas as pd

        return pd.DataFrame(
            {
                name: pd.Series(list(values), dtype=PANDAS_DTYPES[kind])
                for (name, kind), values in zip(self.kinds.items(), self.cells, strict=True)
            }
        )


@dataclass
class Conformed:
    """Rows as columns of their declared kinds, or as a frame, and the rows that do not fit.

    `received` counts the incoming rows, before repeated keys are dropped.
    """

    rows: Columns | pd.DataFrame
    received: int
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a frame."""
        return self.rows.frame if isinstance(self.rows, Columns) else self.rows

    def values(self, name: str) -> list[Any]:
        """The values of one column."""
        if isinstance(self.rows, Columns):
            return list(self.rows.cells[list(self.rows.kinds).index(name)])
        made: list[Any] = self.rows[name].tolist()
        return made


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


def _all_integers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return set(map(type, known)) <= {int} and (not known or (min(known) >= -(2**63) and max(known) < 2**63))


def _all_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return set(map(type, known)) <= {float} and math.isfinite(sum(known))  # of one that is not finite neither is it


def _all_texts(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return set(map(type, known)) <= {str} and "\x00" not in "".join(known)


def _all_booleans(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {bool, type(None)}


def _cast_at_once(values: Sequence[Any], kind: Kind) -> Sequence[Any]:
    """A column's values, cast. Raises `WrongKindError` or `OverflowError` if one of them is not of the kind."""
    is_cast = _ARE_CAST.get(kind)
    if kind == "json" or (is_cast is not None and is_cast(values)):
        return values
    cast = CASTS[kind]
    if kind == "date" and set(map(type, values)) <= {str, dt.date, type(None)}:  # few of them differ
        dates = {value: None if value is None else cast(value) for value in set(values)}
        return [dates[value] for value in values]
    return [None if value is None else cast(value) for value in values]


_ARE_CAST: dict[Kind, Callable[[Sequence[Any]], bool]] = {
    "integer": _all_integers,
    "number": _all_numbers,
    "text": _all_texts,
    "boolean": _all_booleans,
}
"""Whether all values of a column are of its kind and need no cast."""


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
    accepted: Sequence[Row]
    cells: Sequence[Sequence[Any]]
    received = rows if isinstance(rows, PackedRows) else list(rows)
    rejected: list[Rejected] = []
    try:
        cells = [_cast_at_once(_column(received, name), kind) for name, kind in columns.items()]
        accepted = received
    except (WrongKindError, OverflowError):
        accepted, cells = _cast_one_by_one(received, columns, rejected, part)
    kept = _last_of_each_key(accepted, key)
    if kept is not None:
        cells = [list(compress(values, kept)) for values in cells]
    return Conformed(Columns(columns, cells), len(received), rejected)


def _column(rows: Sequence[Row], name: str) -> Sequence[Any]:
    return rows.column(name) if isinstance(rows, PackedRows) else [row.get(name) for row in rows]


def _cast_one_by_one(
    rows: Sequence[Row], columns: Mapping[str, Kind], rejected: list[Rejected], part: Callable[[Row], str | None] | None
) -> tuple[list[Row], Sequence[Sequence[Any]]]:
    """The rows of which every value is of its kind, and their cells by column; adds the others to `rejected`."""
    casts = [(name, CASTS[kind], kind) for name, kind in columns.items()]
    accepted: list[Row] = []
    made: list[list[Any]] = [[] for _ in casts]
    for row in rows:
        reasons, cells = [], []
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
        accepted.append(row)
        for values, cell in zip(made, cells, strict=True):
            values.append(cell)
    return accepted, made


def _last_of_each_key(rows: Sequence[Row], key: tuple[str, ...]) -> list[bool] | None:
    """Which rows are the last of their key; None if all are. Rows without a key do not repeat each other."""
    if not key:
        return None
    identities = list(zip(*(_column(rows, name) for name in key), strict=True))
    last = dict(zip(identities, range(len(rows)), strict=True))
    if len(last) == len(rows):
        return None
    return [None in identity or last[identity] == place for place, identity in enumerate(identities)]
