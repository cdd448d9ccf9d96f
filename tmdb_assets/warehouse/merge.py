"""COPY to a staging table, then one set-based merge: the only way rows reach a table.

Rows are merged in key order, so that loads of overlapping rows side by side do not deadlock. Of rows staged with the
same key the one staged last wins. A stored row is rewritten only when something in it changes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.columns import Merge, frame_columns, key_columns
from tmdb_assets.warehouse.contracts import StructuralFaultError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did, in rows; `unchanged` rows kept their content (at most a date advanced)."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0


def staging_name(table: sa.Table) -> str:
    """The name of the table's staging table, private to the connection."""
    return f"stage_{table.name}"


def create_staging(connection: sa.Connection, table: sa.Table) -> None:
    """Create the staging table: the frame's columns without constraints, gone at the end of the transaction."""
    columns = ", ".join(
        f"{name} {table.c[name].type.compile(dialect=connection.dialect)}" for name in frame_columns(table)
    )
    connection.exec_driver_sql(
        f"create temp table {staging_name(table)} "
        f"(staged_number bigint generated always as identity, {columns}) on commit drop"
    )


def stage(connection: sa.Connection, table: sa.Table, frame: pd.DataFrame) -> None:
    """COPY a frame into the staging table."""
    columns = frame_columns(table)
    cells = [_cells(frame[name], kind) for name, kind in columns.items()]
    cursor = connection.connection.cursor()
    statement = f"copy {staging_name(table)} ({', '.join(columns)}) from stdin"
    with cursor.copy(statement) as copy:
        for row in zip(*cells, strict=True):
            copy.write_row(row)


def _cells(series: pd.Series[Any], kind: str) -> list[Any]:
    """A column as Python values, None where it is missing; JSON as text."""
    if kind == "json":
        return [None if value is None else orjson.dumps(value).decode() for value in series]
    missing = series.isna().to_numpy()
    return [None if gone else value for value, gone in zip(series.tolist(), missing, strict=True)]


def reject_orphans(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Row, str, Any]]:
    """Take staged rows whose parent is missing out of the staging table; yield row, broken rule and value."""
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):  # a set: its order differs by process
        name, parent = key.parent.name, key.column.table.name
        taken = connection.exec_driver_sql(
            f"delete from {staging_name(table)} as s where s.{name} is not null and not exists "
            f"(select 1 from {parent} as p where p.{key.column.name} = s.{name}) "
            "returning to_jsonb(s) - 'staged_number', s." + name
        )
        for row, value in taken:
            yield row, f"{name} is in {parent}", value


def count_standing(connection: sa.Connection, table: sa.Table) -> int:
    """How many rows of the table are not staged: a merge leaves them as they are."""
    same_key = " and ".join(f"s.{name} = t.{name}" for name in key_columns(table))
    counted = sa.text(
        f"select count(*) from {table.name} as t "
        f"where not exists (select 1 from {staging_name(table)} as s where {same_key})"
    )
    return int(connection.scalar(counted) or 0)


def merge(connection: sa.Connection, table: sa.Table, parameters: Mapping[str, Any] | None = None) -> MergeCounts:
    """Merge the staged rows into the table by its declared `Merge`; `parameters` are those its SQL names."""
    rule: Merge = table.info["merge"]
    counted = connection.execute(sa.text(merge_statement(table)), dict(parameters or {})).one()
    staged, existing, written, changed = (int(number) for number in counted)
    inserted = min(staged - existing, changed)  # another load may have inserted the same rows meanwhile
    updated = (changed if rule.changed_at else written) - inserted
    return MergeCounts(inserted=inserted, updated=updated, unchanged=staged - inserted - updated)


def merge_statement(table: sa.Table) -> str:
    """The merge of a staging table as one SQL statement that returns staged, existing, written and changed rows."""
    rule: Merge = table.info["merge"]
    columns, keys = list(frame_columns(table)), key_columns(table)
    key_list, column_list = ", ".join(keys), ", ".join(columns)
    changed = f"count(*) filter (where {rule.changed_at} = now())" if rule.changed_at else "count(*)"
    prefer = f"{rule.prefer}, " if rule.prefer else ""
    return (
        f"with staged as (select distinct on ({key_list}) {column_list} from {staging_name(table)} "
        f"order by {key_list}, {prefer}staged_number desc), "
        f"existing as (select count(*) as n from staged join {table.name} using ({key_list})), "
        f"written as (insert into {table.name} as t ({column_list}) "
        f"select {column_list} from staged order by {key_list} "
        f"on conflict ({key_list}) {_on_conflict(table)} returning t.*) "
        f"select (select count(*) from staged), (select n from existing), count(*), {changed} from written"
    )


def content_columns(table: sa.Table) -> list[str]:
    """The columns that hold a row's content: neither key, nor advancing, nor computed."""
    rule: Merge = table.info["merge"]
    if rule.content is not None:
        return list(rule.content)
    special = {*key_columns(table), *rule.advance, *(name for name, _ in rule.computed)}
    return [name for name in frame_columns(table) if name not in special]


def _on_conflict(table: sa.Table) -> str:
    rule: Merge = table.info["merge"]
    content = content_columns(table)
    conditions = []
    if content:
        stored, staged = (", ".join(f"{side}.{name}" for name in content) for side in ("t", "excluded"))
        conditions.append(f"(({rule.wins}) and ({stored}) is distinct from ({staged}))")
    conditions += [f"t.{name} is distinct from ({expression})" for name, expression in rule.computed]
    if not conditions and not rule.advance:
        return "do nothing"
    new = {name: f"case when {rule.wins} then excluded.{name} else t.{name} end" for name in content}
    new |= {name: f"greatest(t.{name}, excluded.{name})" for name in rule.advance}
    new |= dict(rule.computed)
    if rule.changed_at:
        new[rule.changed_at] = f"case when {' or '.join(conditions)} then now() else t.{rule.changed_at} end"
    conditions += [f"greatest(t.{name}, excluded.{name}) is distinct from t.{name}" for name in rule.advance]
    assignments = ", ".join(f"{name} = {expression}" for name, expression in new.items())
    return f"do update set {assignments} where {' or '.join(conditions)}"


def replace_links(connection: sa.Connection, bridge: sa.Table, day: dt.date) -> MergeCounts:
    """Replace the links of the films whose newest details are those of `day`, under a lock on each film.

    A film whose details of that day are no longer stored keeps its links.
    """
    other = key_columns(bridge)[1]
    films = connection.execute(
        sa.text(
            "select array(select movie_id from dim_movie as m where details_date = :day and exists "
            "(select 1 from raw_details as r where r.snapshot_date = :day and r.movie_id = m.movie_id "
            "and r.status_code = 200) order by movie_id for no key update)"
        ),
        {"day": day},
    ).scalar_one()
    deleted = connection.execute(
        sa.text(
            f"delete from {bridge.name} as b where b.movie_id = any(:films) and not exists (select 1 from "
            f"{staging_name(bridge)} as s where s.movie_id = b.movie_id and s.{other} = b.{other})"
        ),
        {"films": films},
    ).rowcount
    connection.execute(sa.text(f"delete from {staging_name(bridge)} where movie_id <> all(:films)"), {"films": films})
    return replace(merge(connection, bridge), deleted=deleted)


def merge_whole(connection: sa.Connection, table: sa.Table, *, rows: int | None = None) -> MergeCounts:
    """Merge the staged rows as the whole content of the table: rows whose key is not staged are deleted.

    A row missing in the staging table would be lost in the table. So an empty one, or one that does not hold `rows`
    rows (how many the source has), raises `StructuralFaultError`.
    """
    staged = int(connection.scalar(sa.text(f"select count(*) from {staging_name(table)}")) or 0)
    if staged == 0 or (rows is not None and staged != rows):
        of_all = "" if rows is None else f" of {rows}"
        raise StructuralFaultError(f"{table.name}: {staged}{of_all} rows to replace the whole table.")
    same_key = " and ".join(f"s.{name} = t.{name}" for name in key_columns(table))
    deleted = connection.execute(
        sa.text(
            f"delete from {table.name} as t "
            f"where not exists (select 1 from {staging_name(table)} as s where {same_key})"
        )
    ).rowcount
    return replace(merge(connection, table), deleted=deleted)
