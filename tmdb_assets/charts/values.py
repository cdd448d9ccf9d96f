"""Converts the values that Postgres and pandas deliver to plain rows.

An unknown value (None, NaN, NaT, pd.NA, an infinite number, blank text) becomes None, which a chart shows as missing.
A value of another kind than its column's is an error, never a guess.
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from tmdb_assets.charts.labels import JOINERS, ellipsize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Datum = dict[str, Any]
"""One row of a chart's data: JSON-ready values by field name."""
Rows: TypeAlias = tuple[list[str], list[tuple[Any, ...]]]
"""The result of a query: the names of its columns, and its rows."""


def as_frame(rows: Rows) -> pd.DataFrame:
    """The result of a query as the frame that pandas would have read."""
    names, values = rows
    return pd.DataFrame.from_records(values, columns=names, coerce_float=True)


def conform_rows(
    frame: pd.DataFrame,
    *,
    numbers: Sequence[str] = (),
    texts: Sequence[str] = (),
    dates: Sequence[str] = (),
    required: Sequence[str] = (),
) -> list[Datum]:
    """Return the rows of `frame` with only these columns, as `to_number`, `to_text` and `to_date` convert them.

    Raises ValueError that names the missing columns, or the column and row of a value that does not fit, or of an
    unknown value in one of the `required` columns.
    """
    columns = {**dict.fromkeys(numbers, to_number), **dict.fromkeys(texts, to_text), **dict.fromkeys(dates, to_date)}
    if missing := [name for name in columns if name not in frame.columns]:
        raise ValueError(
            f"The frame lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns)) or 'none'}."
        )
    conformed = {name: _conform_column(frame[name], conform, name in required) for name, conform in columns.items()}
    return [dict(zip(conformed, values, strict=True)) for values in zip(*conformed.values(), strict=True)]


def _conform_column(series: pd.Series[Any], conform: Callable[[Any], Any], is_required: bool) -> list[Any]:
    values = []
    for position, value in enumerate(series.tolist()):
        try:
            conformed = conform(value)
            if is_required and conformed is None:
                raise ValueError("a value is missing")
        except ValueError as error:
            raise ValueError(f"Column {series.name}, row {position}: {error}.") from None
        values.append(conformed)
    return values


def to_number(value: Any) -> int | float | None:
    """Return a finite int or float, or None when unknown; raise ValueError when it is no number."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise ValueError(f"{_excerpt(value)} is not a number")
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def to_text(value: Any) -> str | None:
    """Return the text on one line without control characters, or None when unknown or blank."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return " ".join("".join(map(_visible, str(value))).split()) or None


def to_date(value: Any) -> str | None:
    """Return the date as YYYY-MM-DD, or None when unknown; raise ValueError when it is no date."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    try:
        return dt.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError(f"{_excerpt(value)} is not a date") from None


def _excerpt(value: Any) -> str:
    return ellipsize(repr(value), 60)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    if category == "Cs" or is_noncharacter or (category == "Cf" and char not in JOINERS):
        return ""  # XML, and with it the picture, has no place for these; bidi overrides would reorder the row
    return char
