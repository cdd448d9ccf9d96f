"""Whether columns keep their table's contract beyond doubt: an answer in a fraction of pandera's time, without a frame.

It says only yes or "perhaps not": what is not clean is judged row by row by `contracts`, whose verdicts count.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import ge, le
from typing import TYPE_CHECKING, Any

from tmdb_assets.warehouse.schema.vocabulary import Rule, RuleName, frame_columns, key_columns

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tmdb_assets.transforms.conform import Columns


def is_clean(table: sa.Table, columns: Columns) -> bool:
    """Whether the columns are the table's, in order, no row breaks a rule, and no key comes twice."""
    kinds = frame_columns(table)
    if list(columns.kinds.items()) != list(kinds.items()):
        return False
    cells = dict(zip(kinds, columns.cells, strict=True))
    if len({len(values) for values in columns.cells}) > 1 or not all(_keeps(table.c[name], cells) for name in kinds):
        return False
    keys = [cells[name] for name in key_columns(table)]
    return len(set(zip(*keys, strict=True))) == len(columns)


def _keeps(column: sa.Column[Any], cells: dict[str, Sequence[Any]]) -> bool:
    values = cells[column.name]
    known = values
    if None in values:
        if not column.nullable:
            return False
        known = [value for value in values if value is not None]
    return all(
        _is_on_day(values, cells[rule.argument]) if rule.name == "on_day" else _KEEP[rule.name](known, rule)
        for rule in column.info["rules"]
    )


def _is_on_day(moments: Sequence[dt.datetime | None], days: Sequence[dt.date | None]) -> bool:
    return all(
        moment is None or day is None or moment.astimezone(dt.UTC).date() == day
        for moment, day in zip(moments, days, strict=True)
    )


_KEEP: dict[RuleName, Callable[[Sequence[Any], Rule], bool]] = {
    "at_least": lambda values, rule: all(map(ge, values, repeat(rule.argument))),
    "at_most": lambda values, rule: all(map(le, values, repeat(rule.argument))),
    "max_length": lambda values, rule: max(map(len, values), default=0) <= rule.argument,
    "matches": lambda values, rule: all(map(re.compile(rule.argument).fullmatch, set(values))),
    "one_of": lambda values, rule: set(values) <= set(rule.argument),
}
"""Whether all of a column's values, none of them None, keep a rule."""
