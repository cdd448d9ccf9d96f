"""From the values Postgres and pandas deliver to plain rows, and from numbers to the text beside a bar.

What is unknown (None, NaN, NaT, pd.NA, an infinite number, blank text) becomes None, and a chart shows None as
missing; a value that cannot be what its column says is an error, never a guess.
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Row = dict[str, Any]
"""One row of a chart's data: JSON-ready values by field name."""

MISSING = "–"
_ELLIPSIS = "…"
_JOINERS = "\u200c\u200d"  # Devanagari and Persian spell with them; every other format character is dropped
_RIGHT_TO_LEFT = "\u202b"


def conform_rows(frame: pd.DataFrame, columns: Mapping[str, Callable[[Any], Any]]) -> list[Row]:
    """Return the rows of `frame` with the given columns only, each value passed through its column's function.

    Raises ValueError that names the missing columns, or the column and row of a value that does not fit.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        raise ValueError(
            f"The frame lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns)) or 'none'}."
        )
    conformed = {name: _conform_column(frame[name], conform) for name, conform in columns.items()}
    return [dict(zip(conformed, values, strict=True)) for values in zip(*conformed.values(), strict=True)]


def _conform_column(series: pd.Series[Any], conform: Callable[[Any], Any]) -> list[Any]:
    values = []
    for position, value in enumerate(series.tolist()):
        try:
            values.append(conform(value))
        except ValueError as error:
            raise ValueError(f"Column {series.name}, row {position}: {error}.") from None
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
    return shorten(repr(value), 60)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    if category == "Cs" or is_noncharacter or (category == "Cf" and char not in _JOINERS):
        return ""  # XML, and with it the picture, has no place for these; bidi overrides would reorder the row
    return char


def shorten(text: str, width: int) -> str:
    """Return `text` cut to `width` columns with an ellipsis at the end, when it is wider.

    A column is the width of a Latin letter; a wide East Asian character takes two (Unicode Standard Annex 11).
    A character is never parted from its combining marks.
    """
    clusters = [(cluster, 2 if unicodedata.east_asian_width(cluster[0]) in "WF" else 1) for cluster in _clusters(text)]
    if sum(columns for _, columns in clusters) <= width:
        return text
    kept, used = "", 1
    for cluster, columns in clusters:
        used += columns
        if used > width:
            break
        kept += cluster
    return kept.rstrip() + _ELLIPSIS


def label_text(text: str, width: int) -> str:
    """Return `text` as a label of at most `width` columns that reads in its own direction."""
    directions = (unicodedata.bidirectional(char) for char in text)
    first = next((direction for direction in directions if direction in {"L", "R", "AL"}), "L")
    # A picture is drawn left to right: without the mark, the ellipsis and the full stop of a right-to-left text would
    # stand at its beginning. It opens the text, as a cut at its end must not lose it.
    return ("" if first == "L" else _RIGHT_TO_LEFT) + shorten(text, width)


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for char in text:
        joins = unicodedata.category(char).startswith("M") or char in _JOINERS or cluster.endswith("\u200d")
        if cluster and not joins:
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def format_measure(value: float | None) -> str:
    """Return a measure like a popularity with one decimal ("1,234.5", "<0.1"), `MISSING` when unknown."""
    if value is None:
        return MISSING
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}"


def format_rating(value: float | None) -> str:
    """Return a rating from 0 to 10 with one decimal, `MISSING` when unknown."""
    return MISSING if value is None else f"{value:.1f}"


def format_count(value: float | None, full_below: int = 1_000_000) -> str:
    """Return a count in full below a bound, then in short ("36.3K", "155K", "4.0B"), `MISSING` when unknown."""
    if value is None:
        return MISSING
    if abs(value) < full_below:
        return f"{value:,.0f}"
    for unit, suffix in ((1e3, "K"), (1e6, "M"), (1e9, "B"), (1e12, "T")):
        scaled = value / unit
        if abs(scaled) < 99.95:
            return f"{scaled:.1f}{suffix}"
        if abs(scaled) < 999.5:
            return f"{scaled:.0f}{suffix}"
    return f"{value:.1e}"
