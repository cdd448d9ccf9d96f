"""Entries of the lists in answers of TMDb to rows: by column where all entries are objects, as nearly always."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tmdb_assets.transforms.packed import PackedRows

Row: TypeAlias = dict[str, Any]
Cell: TypeAlias = tuple[str, Callable[[Any], Any] | None]
"""The field of an entry that a column is made of, and what makes the column's value of the field's."""


def text_or_none(value: Any) -> Any:
    """None for an empty text, which means unknown; any other value unchanged."""
    return None if value == "" else value


def field(entry: Any, name: str) -> Any:
    """A field of an entry; of anything but an object a list, which fits no column's kind: the row is rejected."""
    return entry.get(name) if isinstance(entry, dict) else (None if entry is None else [entry])


def rows_of(entries: Sequence[Any], made_of: Mapping[str, Cell], beside: Mapping[str, Sequence[Any]]) -> Sequence[Row]:
    """A row for each entry: the columns `beside`, given by column, then those `made_of` its fields."""
    if entries and set(map(type, entries)) <= {dict}:
        cells = [_column(entries, *cell) for cell in made_of.values()]
        return PackedRows((*beside, *made_of), [*beside.values(), *cells])
    return [
        dict(zip(beside, given, strict=True))
        | {column: _made(field(entry, name), make) for column, (name, make) in made_of.items()}
        for entry, *given in zip(entries, *beside.values(), strict=True)
    ]


def _made(value: Any, make: Callable[[Any], Any] | None) -> Any:
    return make(value) if make else value


def _column(entries: Sequence[Row], name: str, make: Callable[[Any], Any] | None) -> Sequence[Any]:
    values = [entry.get(name) for entry in entries]
    if make is None or (make is text_or_none and "" not in values):
        return values
    if set(map(type, values)) <= {int, str, type(None)}:  # few of them differ
        made = {value: make(value) for value in set(values)}
        return [made[value] for value in values]
    return [make(value) for value in values]
