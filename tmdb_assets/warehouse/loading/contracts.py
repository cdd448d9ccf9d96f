"""A table's declaration as contracts on frames: the structural gate (dagster-pandas) and the rules (pandera).

The gate checks a frame's shape: columns and dtypes. It fails only when our own code is wrong, and then nothing in the
frame can be trusted. The pandera schema checks rows: each rule of the declaration, NULLs and the key. Columns that are
clean beyond doubt (`clean.is_clean`), as nearly all are, need no frame: only others are judged by pandera.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.errors.problem import ActionableError, Retry
from tmdb_assets.transforms.conform import PANDAS_DTYPES, Columns, Conformed, Reason, Rejected, conform, shorten
from tmdb_assets.warehouse.loading.clean import is_clean
from tmdb_assets.warehouse.schema.vocabulary import Rule, frame_columns, key_columns

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


class StructuralFaultError(ActionableError):
    """A frame lacks columns, dtypes or rows: a fault in our code, not in the data."""

    kept = "Nothing was written; what is already stored is kept"
    action = "This is a fault in the code: please report it"
    retry = Retry.NEVER


@cache
def structural_gate(table: sa.Table) -> Any:
    """The dagster-pandas type of this table's frames: exactly its columns, each with its dtype."""
    from dagster_pandas import PandasColumn, create_dagster_pandas_dataframe_type
    from dagster_pandas.constraints import ColumnDTypeInSetConstraint, StrictColumnsConstraint

    columns = frame_columns(table)
    return create_dagster_pandas_dataframe_type(
        name=f"{table.name}_frame",
        description=table.comment,
        columns=[
            PandasColumn(name, constraints=[ColumnDTypeInSetConstraint({PANDAS_DTYPES[kind]})])
            for name, kind in columns.items()
        ],
        dataframe_constraints=[StrictColumnsConstraint(list(columns))],
    )


def check_structure(table: sa.Table, frame: pd.DataFrame) -> None:
    """Raise `StructuralFaultError` unless the frame has exactly the table's columns with their dtypes."""
    outcome = structural_gate(table).type_check(None, frame)
    if not outcome.success:
        raise StructuralFaultError(f"The frame does not fit the table {table.name}: {outcome.description}")


def _pandera_check(rule: Rule) -> pa.Check:
    import pandera.pandas as pa

    if rule.name == "at_least":
        return pa.Check.ge(rule.argument, error=rule.text)
    if rule.name == "at_most":
        return pa.Check.le(rule.argument, error=rule.text)
    if rule.name == "max_length":
        return pa.Check.str_length(max_value=rule.argument, error=rule.text)
    if rule.name == "matches":
        # The whole text: Python's `$`, unlike Postgres's, also matches before a final line break.
        return pa.Check(lambda values: values.str.fullmatch(rule.argument), error=rule.text)
    return pa.Check.isin(rule.argument, error=rule.text)


def _same_day_check(name: str, rule: Rule) -> pa.Check:
    import pandas as pd
    import pandera.pandas as pa

    def is_on_day(frame: pd.DataFrame) -> pd.Series:
        pairs = zip(frame[name], frame[rule.argument], strict=True)
        kept = [_is_missing(at) or _is_missing(day) or at.astimezone(dt.UTC).date() == day for at, day in pairs]
        return pd.Series(kept, index=frame.index, dtype=bool)

    return pa.Check(is_on_day, error=f"{name} {rule.text}")


@cache
def pandera_schema(table: sa.Table) -> pa.DataFrameSchema:
    """The pandera schema of this table's frames: NULLs, every column's rules, and the unique key."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            name: pa.Column(
                nullable=bool(table.c[name].nullable),
                checks=[_pandera_check(rule) for rule in table.c[name].info["rules"] if rule.name != "on_day"],
            )
            for name in frame_columns(table)
        },
        checks=[
            _same_day_check(name, rule)
            for name in frame_columns(table)
            for rule in table.c[name].info["rules"]
            if rule.name == "on_day"
        ],
        unique=key_columns(table),
        report_duplicates="exclude_last",  # the last row of a key is kept
    )


@dataclass(frozen=True)
class Validated:
    """The rows that satisfy their table's contract, and those that break it."""

    rows: Columns | pd.DataFrame
    rejected: list[Rejected]

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that satisfy it as a frame."""
        return self.rows.frame if isinstance(self.rows, Columns) else self.rows


def validate(table: sa.Table, conformed: Conformed, part: Any = None) -> Validated:
    """Separate the rows that break a rule; `part(row)` says what a rejected row came from.

    Raises `StructuralFaultError` when the frame has the wrong shape.
    """
    if isinstance(conformed.rows, Columns) and is_clean(table, conformed.rows):
        return Validated(conformed.rows, list(conformed.rejected))
    return _validate_frame(table, conformed, part)


def _validate_frame(table: sa.Table, conformed: Conformed, part: Any) -> Validated:
    import pandera.errors

    frame = conformed.frame
    check_structure(table, frame)
    if frame.empty:
        return Validated(frame, list(conformed.rejected))
    try:
        pandera_schema(table).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        broken = _reasons_by_row(table, frame, errors.failure_cases)
    else:
        return Validated(frame, list(conformed.rejected))
    rejected = list(conformed.rejected)
    for index, reasons in sorted(broken.items()):
        cells = frame.loc[[index]].to_dict("records")[0]  # Python values: JSON cannot encode numpy's
        row = {str(name): None if _is_missing(value) else value for name, value in cells.items()}
        rejected.append(Rejected(row, reasons, part(row) if part else None))
    return Validated(frame.drop(index=list(broken)), rejected)


@dataclass(frozen=True)
class Emptied:
    """Rejected rows again: sound `frames` of those without their broken cells, the cells' reasons, and the others."""

    frames: list[Columns | pd.DataFrame]
    emptied: list[Rejected]
    rejected: list[Rejected]


def empty_broken_cells(table: sa.Table, rejected: list[Rejected]) -> Emptied:
    """Put NULL in each broken cell, where its column may be NULL; rows with another broken cell stay rejected."""
    may_be_empty = {col.name for col in table.columns if col.nullable}
    rows, emptied, others = [], [], []
    for item in rejected:
        broken = {reason.rule.split(" ")[0] for reason in item.reasons}  # a rule begins with its column
        if not broken <= may_be_empty:
            others.append(item)
            continue
        rows.append({**item.row, **dict.fromkeys(broken)})
        reasons = tuple(Reason(f"{reason.rule}; stored as NULL", reason.value) for reason in item.reasons)
        emptied.append(Rejected(item.row, reasons, item.part))
    if not rows:
        return Emptied([], emptied, others)
    valid = validate(table, conform(rows, frame_columns(table), key=tuple(key_columns(table))))
    # A value of the wrong kind hid what rules say of the row's other cells.
    more = empty_broken_cells(table, valid.rejected)
    return Emptied([*more.frames, valid.rows], emptied + more.emptied, others + more.rejected)


def _reasons_by_row(table: sa.Table, frame: pd.DataFrame, cases: pd.DataFrame) -> dict[int, tuple[Reason, ...]]:
    found: dict[int, dict[str, Reason]] = {}
    rules = ((name, rule) for name in frame_columns(table) for rule in table.c[name].info["rules"])
    same_day = {f"{name} {rule.text}": name for name, rule in rules if rule.name == "on_day"}
    for case in cases.to_dict("records"):
        if case["index"] is None or case["index"] != case["index"]:
            raise StructuralFaultError(f"{table.name}: {case['check']}: {case['failure_case']}")
        index = int(case["index"])
        # Of checks of the whole frame pandera repeats the case for every column.
        if case["schema_context"] == "DataFrameSchema" and str(case["check"]) in same_day:
            name = same_day[str(case["check"])]
            rule, value = str(case["check"]), shorten(str(frame[name][index]))
        elif case["schema_context"] == "DataFrameSchema":  # the unique key
            rule = f"{', '.join(key_columns(table))} is unique"
            value = shorten(", ".join(str(frame[name][index]) for name in key_columns(table)))
        else:
            check = "not null" if case["check"] == "not_nullable" else case["check"]
            # From the frame: pandera puts cases of several columns into one, where 5 becomes 5.0 and None nan.
            cell = None if check == "not null" else frame.loc[[index], case["column"]].tolist()[0]
            rule, value = f"{case['column']} {check}", shorten(cell)
        found.setdefault(index, {})[rule] = Reason(rule, value)
    return {index: tuple(reasons.values()) for index, reasons in found.items()}


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
