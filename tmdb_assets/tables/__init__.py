"""Your own tables, made from film details, one file each; docs/howto/add_a_table.md shows a complete one.

A module in this folder lists its tables in `TABLES`. Schema, contract, grants, asset, check and data dictionary are
derived from that; nothing else needs editing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import sqlalchemy as sa

from tmdb_assets.errors.problem import ActionableError, TakenNameError
from tmdb_assets.transforms.conform import Row

LONGEST_KEY = 600  # characters of up to 4 bytes; a row of a B-tree index holds 2,704 bytes


@dataclass(frozen=True)
class DetailsTable:
    """A table made from film details.

    `table` is declared with `warehouse.schema.vocabulary.table`, in the group `dimensions` (merged as declared)
    or `bridges` (a key of `movie_id` and one more column; a film's rows are replaced together). `rows` takes one
    film's details as they are stored (credits, keywords and releases trimmed, `transforms.appended`) and the day of the
    request, and returns rows as dicts by column name; it is
    pure and tolerates missing fields. `append` names what else the same request should return, like
    `credits`: https://developer.themoviedb.org/docs/append-to-response
    """

    table: sa.Table
    rows: Callable[[Mapping[str, Any], dt.date], Iterable[Row]]
    append: tuple[str, ...] = ()


class OwnTableError(ActionableError):
    """The code of one of your own tables failed; the problem names table, film and remedy."""


def _is_short(col: sa.Column[Any]) -> bool:
    rules = {rule.name: rule.argument for rule in col.info["rules"]}
    return not {"matches", "one_of"}.isdisjoint(rules) or rules.get("max_length", LONGEST_KEY + 1) <= LONGEST_KEY


@cache
def own_tables() -> tuple[DetailsTable, ...]:
    """The tables listed by the modules of this folder, parents before the tables that reference them.

    Raises `OwnTableError` for a module without `TABLES`, a table that exists already, one in a group that is not made
    from details, or a key of texts of any length.
    """
    found: list[DetailsTable] = []
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        name = f"{__name__}.{module.name}"
        try:
            listed = getattr(import_module(name), "TABLES", None)
        except TakenNameError as error:
            (taken,) = error.args
            raise OwnTableError(
                f"{name} declares {taken}, which exists already",
                action=f"Delete the file if {taken} (docs/data_dictionary.md) is enough, or rename yours",
            ) from error
        if not listed:
            raise OwnTableError(f"{name} lists no tables", action="Give it TABLES = (DetailsTable(...), ...)")
        found += listed
    for own in found:
        if own.table.info["group"] not in ("dimensions", "bridges"):
            raise OwnTableError(
                f"{own.table.name} is in the group {own.table.info['group']!r}",
                action="Put a table made from details into the group 'dimensions' or 'bridges'",
            )
        for col in own.table.primary_key.columns:
            if col.info["kind"] == "text" and not col.foreign_keys and not _is_short(col):
                raise OwnTableError(
                    f"{own.table.name}.{col.name} is a key, and its texts can be too long for Postgres's index",
                    action=f"Give it a max_length of at most {LONGEST_KEY}",
                )
    order = {made.name: place for place, made in enumerate(sa.schema.sort_tables([own.table for own in found]))}
    return tuple(sorted(found, key=lambda own: order[own.table.name]))


def own_rows(payloads: Iterable[Mapping[str, Any]], day: dt.date) -> dict[str, list[Row]]:
    """Return each own table's rows from film details, by table name; the last row of a key wins.

    Raises `OwnTableError` when a table's `rows` function fails.
    """
    rows: dict[str, list[Row]] = {own.table.name: [] for own in own_tables()}
    for own in own_tables():
        for payload in payloads:
            try:
                rows[own.table.name].extend(own.rows(payload, day))
            except Exception as error:
                raise OwnTableError(
                    f"The rows of {own.table.name} could not be made from film {payload.get('id')}: {error!r}",
                    kept="Nothing of this day was written to it",
                    action=f"Fix `rows` in {own.rows.__module__}",
                ) from error
    return rows


def appended() -> tuple[str, ...]:
    """What the own tables need in addition to the details, for `append_to_response`, each name once."""
    return tuple(sorted({name for own in own_tables() for name in own.append}))
