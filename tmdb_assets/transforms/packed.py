"""Rows kept by column: a third of their memory as dictionaries, and a column of them is there at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload


class PackedRows(Sequence[dict[str, Any]]):
    """Rows that all have the same columns; each is made when it is needed."""

    def __init__(self, names: tuple[str, ...], cells: Sequence[Sequence[Any]]) -> None:
        self._names, self._cells = names, cells

    def column(self, name: str) -> Sequence[Any]:
        """The values of one column, None if there is no such column."""
        return self._cells[self._names.index(name)] if name in self._names else [None] * len(self)

    def __len__(self) -> int:
        return len(self._cells[0])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in zip(*self._cells, strict=True):
            yield dict(zip(self._names, row, strict=True))

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        if isinstance(place, slice):
            return PackedRows(self._names, [column[place] for column in self._cells])
        return {name: column[place] for name, column in zip(self._names, self._cells, strict=True)}

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def pack(rows: Sequence[dict[str, Any]], texts: dict[str | None, str | None]) -> Sequence[dict[str, Any]]:
    """Rows by column if all have the same columns, else as they are; of equal texts, those in `texts`, one is kept."""
    if isinstance(rows, PackedRows):
        return PackedRows(rows._names, [_once(column, texts) for column in rows._cells])
    names = tuple(rows[0]) if rows else ()
    if not names or not all(map(names.__eq__, map(tuple, rows))):
        return rows
    columns = zip(*(row.values() for row in rows), strict=True)
    return PackedRows(names, [_once(column, texts) for column in columns])


def _once(column: Sequence[Any], texts: dict[str | None, str | None]) -> Sequence[Any]:
    """A column of texts with each text once; any other column as it is."""
    if not set(map(type, column)) <= {str, type(None)}:
        return column
    return list(map(texts.setdefault, column, column))
