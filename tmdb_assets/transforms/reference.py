"""TMDb's own lists of genres, countries and languages to rows of `raw_reference` and of the dimensions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.details import language_name
from tmdb_assets.transforms.entries import text_or_none

# kind -> (the field that identifies an entry, its type, a function that reads the entry's English name).
KINDS: dict[str, tuple[str, type, Callable[[dict[str, Any]], Any]]] = {
    "genre": ("id", int, lambda entry: text_or_none(entry.get("name"))),
    "country": ("iso_3166_1", str, lambda entry: text_or_none(entry.get("english_name"))),
    "language": ("iso_639_1", str, language_name),
}


@dataclass(frozen=True)
class Named:
    """A reference entry as the dimensions need it."""

    name: str | None
    fetched_date: dt.date


def parse_reference(kind: str, entries: Any, day: dt.date) -> list[Row]:
    """One list as TMDb answered it, for `raw_reference`; a code of another type than the list's is None."""
    identifier, type_, name_of = KINDS[kind]
    rows: list[Row] = []
    for entry in entries if isinstance(entries, list) else [entries]:
        known = entry if isinstance(entry, dict) else {}
        code = known.get(identifier)
        rows.append(
            {
                "kind": kind,
                "code": str(code) if type(code) is type_ else None,
                "name": name_of(known),
                "payload": entry,
                "fetched_date": day,
            }
        )
    return rows


def reference_rows(reference: Mapping[Any, Named], key: str) -> list[Row]:
    """Every entry of a reference list as a dimension row, confirmed on the day it was requested."""
    return [{key: code, "name": named.name, "as_of_date": named.fetched_date} for code, named in reference.items()]


def apply_reference(rows: Iterable[Row], reference: Mapping[Any, Named], key: str) -> list[Row]:
    """Rows from details with the reference's name where it has the code: that name wins, whatever its day."""
    return [_apply(row, reference, key) for row in rows]


def _apply(row: Row, reference: Mapping[Any, Named], key: str) -> Row:
    code = row[key]
    named = reference.get(code) if isinstance(code, int | str) else None
    if named is None or named.name is None:
        return row
    return {**row, "name": named.name, "as_of_date": max(row["as_of_date"], named.fetched_date)}
