"""Merges staged rows into their table, set-based and in key order.

The key order keeps concurrent loads of overlapping rows from deadlocking. Of rows staged with the same key the last
wins. A stored row is rewritten only when something in it changes: a join excludes rows equal to the stored ones, and
`on conflict` decides, because it also sees what others committed in the meantime.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from tmdb_assets.transforms.appended import PARTS
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.staging import staging_name, staging_sequence
from tmdb_assets.warehouse.schema.ddl import partition_name
from tmdb_assets.warehouse.schema.vocabulary import Merge, day_column, frame_columns, key_columns

ANALYZE_FROM = 10_000  # staged rows; with fewer any plan is fast
ANALYZE_DAY_FROM = 500  # rows of a new day: a loop over its films in a loop over as many takes no time with fewer


@dataclass(frozen=True)
class MergeCounts:
    """Rows by what a merge did; of `unchanged` ones at most a date advanced."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0

    @property
    def has_changes(self) -> bool:
        """Whether any row was inserted, updated or deleted."""
        return bool(self.inserted or self.updated or self.deleted)


def take_turn(connection: sa.Connection, table: sa.Table, day: dt.date | None) -> None:
    """Wait until no other transaction loads the same day into the table, or anything into a table without days.

    Of two such loads one runs entirely after the other: it reads its rows only then, and compares with what the other
    stored. So what was requested last is stored last. Different days have different rows and are loaded concurrently.
    """
    number = day.toordinal() if day is not None and day_column(table) is not None else 0
    connection.execute(
        sa.text("select pg_advisory_xact_lock(hashtext('merge ' || :name), :day)"),
        {"name": table.name, "day": number},
    )


def merge(connection: sa.Connection, table: sa.Table, parameters: Mapping[str, Any] | None = None) -> MergeCounts:
    """Merge the staged rows into the table by its declared `Merge`; `parameters` are the bind parameters of its SQL.

    Raises `ValueError` when one of them is missing.
    """
    statement = sa.text(merge_statement(table))
    bound = connection.execute(sa.text(_bounds_statement(table))).one()
    values = {**(parameters or {}), "first_key": bound.first, "last_key": bound.last}
    if missing := statement.compile().params.keys() - values.keys():
        raise ValueError(f"{table.name}: its merge needs {', '.join(sorted(missing))}, which the load does not pass.")
    if bound.first is None:
        return MergeCounts()
    if not bound.has_stored:
        new = _insert_new(connection, table)
        if new is not None:
            _analyze(connection, table, bound.first, new)
            return MergeCounts(inserted=new)
    if bound.number > ANALYZE_FROM:
        connection.exec_driver_sql(f"analyze {staging_name(table)} ({', '.join(key_columns(table))})")
    counted = connection.execute(statement, values).one()
    staged, written, changed = (int(number) for number in counted)
    rewritten = connection.execute(sa.text(f"select {_next_number(table)}")).scalar_one() - bound.number - 1
    inserted = written - rewritten
    return MergeCounts(inserted=inserted, updated=changed - inserted, unchanged=staged - changed)


def _analyze(connection: sa.Connection, table: sa.Table, first_key: Any, inserted: int) -> None:
    """Make the statistics of a new table or partition, or of a new day in it, as autovacuum does a minute later.

    Until then Postgres plans for a few rows, and reads some views by loops in loops. A loader that does not own the
    table, as on a server of its own, leaves it to autovacuum; nothing waits for another transaction's lock. Of a load
    that is rolled back Postgres keeps the number of rows, so the next one leaves the rest to autovacuum too.
    """
    unit = table.info["partition_unit"]
    name = partition_name(table, first_key) if unit else table.name
    owned = "select reltuples < 0 from pg_class where oid = to_regclass(:name) and pg_has_role(relowner, 'usage')"
    is_new = connection.scalar(sa.text(owned), {"name": name})
    if is_new:
        connection.exec_driver_sql(f"analyze (skip_locked) {name}")
    elif is_new is not None and unit == "month" and inserted >= ANALYZE_DAY_FROM:
        connection.exec_driver_sql(f"analyze (skip_locked) {name} ({key_columns(table)[0]})")


def _next_number(table: sa.Table) -> str:
    return f"nextval('{staging_sequence(table)}')"


def _bounds_statement(table: sa.Table) -> str:
    """The first and last staged value of the key's first column, whether rows are stored between, and a number."""
    key = key_columns(table)[0]
    return (
        f"with bound as (select min({key}) as first, max({key}) as last from {staging_name(table)}) "
        "select first, last, "
        f"exists (select 1 from {table.name} as t where t.{key} between first and last) as has_stored, "
        f"{_next_number(table)} as number from bound"
    )


def _last_staged(table: sa.Table) -> str:
    """The staged rows in key order, one per key: the one that wins."""
    rule: Merge = table.info["merge"]
    keys, columns = ", ".join(key_columns(table)), ", ".join(frame_columns(table))
    prefer = f"{rule.prefer}, " if rule.prefer else ""
    return (
        f"select distinct on ({keys}) {columns} from {staging_name(table)} order by {keys}, {prefer}staged_number desc"
    )


def _insert_new(connection: sa.Connection, table: sa.Table) -> int | None:
    """Insert the staged rows when none in their key range was stored: a plain insert is cheapest.

    Returns None, with nothing written, when another transaction stored one of them in the meantime. A row that breaks
    a constraint is left to the merge that follows, which fails with it.
    """
    try:
        with connection.begin_nested():
            statement = f"insert into {table.name} ({', '.join(frame_columns(table))}) {_last_staged(table)}"
            return int(connection.execute(sa.text(statement)).rowcount)
    except sa.exc.IntegrityError:
        return None


def merge_statement(table: sa.Table) -> str:
    """The merge of a staging table as one SQL statement that returns the numbers of staged, written and changed rows.

    Changed rows are inserted rows and rows whose content changed. Each rewritten row draws a number from the staging
    table's sequence: the usual way to distinguish them from inserted rows (xmax) does not work on partitions.
    """
    rule: Merge = table.info["merge"]
    columns, keys = ", ".join(frame_columns(table)), key_columns(table)
    key_list = ", ".join(keys)
    same_key = " and ".join(f"t.{name} = excluded.{name}" for name in keys)
    new, needed = _on_conflict(table)
    differs = f"t.{keys[0]} is null" + (f" or {needed}" if needed else "")
    action = (
        f"update set {new} where case when {needed} then {_next_number(table)} is not null end" if needed else "nothing"
    )
    changed = f"t.{rule.changed_at} = now()" if rule.changed_at else "true"
    return (
        f"with compared as materialized (select excluded.*, {differs} as differs from ({_last_staged(table)}) "
        f"as excluded left join {table.name} as t on {same_key} and t.{keys[0]} between :first_key and :last_key), "
        f"written as (insert into {table.name} as t ({columns}) "
        f"select {columns} from compared where differs order by {key_list} "
        f"on conflict ({key_list}) do {action} returning {changed} as is_changed) "
        "select (select count(*) from compared), count(*), count(*) filter (where is_changed) from written"
    )


def content_columns(table: sa.Table) -> list[str]:
    """The content columns of a row: neither key, nor advancing, nor computed."""
    rule: Merge = table.info["merge"]
    if rule.content is not None:
        return list(rule.content)
    special = {*key_columns(table), *rule.advance, *(name for name, _ in rule.computed)}
    return [name for name in frame_columns(table) if name not in special]


def _on_conflict(table: sa.Table) -> tuple[str, str]:
    """The assignments to a stored row's columns, and the condition under which they change something."""
    rule: Merge = table.info["merge"]
    content = content_columns(table)
    conditions = []
    if content:
        stored, staged = (", ".join(f"{side}.{name}" for name in content) for side in ("t", "excluded"))
        conditions.append(f"(({rule.wins}) and ({stored}) is distinct from ({staged}))")
    conditions += [f"t.{name} is distinct from ({expression})" for name, expression in rule.computed]
    if not conditions and not rule.advance:
        return "", ""
    new = {name: f"case when {rule.wins} then excluded.{name} else t.{name} end" for name in content}
    new |= {name: f"greatest(t.{name}, excluded.{name})" for name in rule.advance}
    new |= dict(rule.computed)
    if rule.changed_at:
        new[rule.changed_at] = f"case when {' or '.join(conditions)} then now() else t.{rule.changed_at} end"
    conditions += [f"greatest(t.{name}, excluded.{name}) is distinct from t.{name}" for name in rule.advance]
    return ", ".join(f"{name} = {expression}" for name, expression in new.items()), f"({' or '.join(conditions)})"


def replace_links(connection: sa.Connection, bridge: sa.Table, day: dt.date) -> MergeCounts:
    """Replace the links of the films whose newest details are those of `day`, under a lock on each film.

    A film whose details of that day are no longer stored keeps its links, and so does one whose stored details lack the
    part that they are made from, as after a second request on the same day that came without it.
    """
    same_key = " and ".join(f"s.{name} = b.{name}" for name in key_columns(bridge))
    films = connection.execute(
        sa.text(
            f"select array(select movie_id from dim_movie as m where {bridge.info['links_date']} = :day and exists "
            "(select 1 from raw_details as r where r.snapshot_date = :day and r.movie_id = m.movie_id "
            f"and r.status_code = 200{_came_with(bridge.info['links_date'])}) order by movie_id for no key update)"
        ),
        {"day": day},
    ).scalar_one()
    deleted = connection.execute(
        sa.text(
            f"delete from {bridge.name} as b where b.movie_id = any(:films) and not exists (select 1 from "
            f"{staging_name(bridge)} as s where {same_key})"
        ),
        {"films": films},
    ).rowcount
    # A join, because Postgres searches an array of another width from its start for each row.
    is_wanted = "exists (select from unnest(cast(:films as bigint[])) as f where f = s.movie_id)"
    connection.execute(sa.text(f"delete from {staging_name(bridge)} as s where not {is_wanted}"), {"films": films})
    return replace(merge(connection, bridge), deleted=deleted)


def _came_with(links_date: str) -> str:
    """SQL, after other conditions: the stored answer has the appended part of that date in its documented shape."""
    for name, part in PARTS.items():
        if part.date_column == links_date:
            # Strict: a missing or other value is no match, and lists are not searched. One path reads a payload once.
            lists = " && ".join(f'@.{each}.type() == "array"' for each in part.lists)
            path = f"strict $.{name} ? ({lists})"
            return f" and jsonb_path_exists(r.payload, '{path}', silent => true)"
    return ""


def merge_whole(connection: sa.Connection, table: sa.Table, *, rows: int | None = None) -> MergeCounts:
    """Merge the staged rows as the whole content of the table: rows whose key is not staged are deleted.

    Raises `StructuralFaultError` when nothing is staged, or not `rows` rows (the number in the source), because missing
    rows would be lost.
    """
    staged = connection.execute(sa.text(f"select count(*) from {staging_name(table)}")).scalar_one()
    if staged == 0 or (rows is not None and staged != rows):
        of_all = "" if rows is None else f" of {rows}"
        raise StructuralFaultError(f"{staged}{of_all} rows are staged to replace all of {table.name}")
    same_key = " and ".join(f"s.{name} = t.{name}" for name in key_columns(table))
    deleted = connection.execute(
        sa.text(
            f"delete from {table.name} as t "
            f"where not exists (select 1 from {staging_name(table)} as s where {same_key})"
        )
    ).rowcount
    return replace(merge(connection, table), deleted=deleted)
