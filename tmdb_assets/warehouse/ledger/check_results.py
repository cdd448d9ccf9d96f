"""What the checks of a day said, for readers, reports and backups, and which tables are behind the day's answers.

A table is behind from the moment at which answers that it is made of are stored until its step has ended well
(docs/decisions/0052-a-day-is-loaded-when-every-table-is-made-of-its-answers.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.tables import own_tables
from tmdb_assets.transforms.details import DETAIL_TABLES
from tmdb_assets.warehouse.ledger.exports import FROM_EXPORT
from tmdb_assets.warehouse.schema.quality import check_result

RUN = "run"
"""The name under which it is kept whether an asset's step itself ended well."""
BEHIND = "Answers of the day are stored that the table is not made of yet. If no run is in progress, run the day again."
LONGEST = 2000  # characters of a description

# Answers that a killed or failed step left: tables that are made of them by hand are of only a part of the day.
PARTS_OF_DAYS = """
select f.snapshot_date, 'raw_' || f.kind
from fetch_log as f
where f.kind in ('discover', 'details') and f.finished_at is null and f.snapshot_date between :first and :last
and exists (select 1 from check_result as c where c.date_id = f.snapshot_date)
and not exists (
    select 1 from check_result as c
    where c.date_id = f.snapshot_date and c.asset_name = 'raw_' || f.kind and c.check_name = :run and c.is_passed
)
"""

# What is not materialized again could never replace its failure.
FORGET_UNNEEDED = """
delete from check_result
where date_id = :day and not is_passed and asset_name <> all(:needed)
and not exists (select 1 from fact_movie_daily as f where f.date_id = :day and f.source = 'discover')
"""


class Result(NamedTuple):
    """One check of an asset, as it ended."""

    asset_name: str
    check_name: str
    is_passed: bool
    severity: str
    description: str | None


def last_noted(connection: sa.Connection, day: dt.date, asset_name: str) -> dt.datetime | None:
    """When it was last noted how an asset's step of a day ended, or that its table is behind; None for never."""
    row = check_result.c
    of_step = (row.date_id == day) & (row.asset_name == asset_name) & (row.check_name == RUN)
    found: dt.datetime | None = connection.scalar(sa.select(row.checked_at).where(of_step))
    return found


def record(
    connection: sa.Connection, day: dt.date, results: Sequence[Result], noted: dt.datetime | None = None
) -> None:
    """Store the results of a day's run, in the place of those of an earlier run.

    A step that ended well leaves a failure that was noted after `noted`, which it read before the answers: its table is
    behind answers that another run has stored since.
    """
    if not results:
        return
    rows = [
        {"date_id": day, **result._asdict(), "description": (result.description or "").replace("\x00", "")[:LONGEST]}
        for result in sorted(set(results))
    ]
    statement = postgresql.insert(check_result)
    sent, stored = statement.excluded, check_result.c
    again = {name: sent[name] for name in ("is_passed", "severity", "description")}
    is_known = stored.is_passed | (stored.checked_at == sa.literal(noted, stored.checked_at.type))
    connection.execute(
        statement.on_conflict_do_update(
            constraint=check_result.primary_key,
            set_={**again, "checked_at": sa.func.clock_timestamp()},
            where=(stored.check_name != RUN) | ~sent.is_passed | is_known,
        ),
        rows,
    )


def forget_unneeded(connection: sa.Connection, day: dt.date) -> None:
    """Where a day's facts are from its export alone, drop the failures of what such a day does not need.

    They are of a run that could not load the day, such as during an outage, and say nothing of the day as it is now.
    """
    connection.execute(sa.text(FORGET_UNNEEDED), {"day": day, "needed": list(FROM_EXPORT)})


def made_of(kind: str) -> tuple[str, ...]:
    """The tables that are made of a day's answers of a kind, as `fetch_log` names it."""
    if kind == "details":
        return (*DETAIL_TABLES, *(own.table.name for own in own_tables()))
    made = {"discover": ("dim_language", "dim_movie", "fact_movie_daily"), "export": ("fact_movie_daily",)}
    return made.get(kind, ())


def note_answers(connection: sa.Connection, day: dt.date, kind: str) -> None:
    """Note, in the transaction that stores answers of a day, that the tables made of them are behind.

    Also where they already are: a step that began before does not bring its table up to these answers.
    """
    names = sorted(made_of(kind))
    if not names:
        return
    values = {"is_passed": False, "severity": "error", "description": BEHIND}
    stored = check_result.c
    why = sa.case((stored.is_passed, BEHIND), else_=stored.description)
    statement = postgresql.insert(check_result).on_conflict_do_update(
        constraint=check_result.primary_key,
        set_={**values, "description": why, "checked_at": sa.func.clock_timestamp()},
    )
    connection.execute(statement, [{"date_id": day, "asset_name": name, "check_name": RUN, **values} for name in names])


def tables_behind(connection: sa.Connection, first: dt.date, last: dt.date) -> dict[dt.date, set[str]]:
    """By day, from first to last, the tables that are behind its answers or whose last step failed.

    A raw table is one of them when the step that requests its answers has never ended well: it may have only a part.
    """
    names = sorted({name for kind in ("details", "discover", "export") for name in made_of(kind)})
    row = check_result.c
    query = sa.select(row.date_id, row.asset_name).where(
        row.date_id.between(first, last), row.check_name == RUN, ~row.is_passed, row.asset_name.in_(names)
    )
    found: dict[dt.date, set[str]] = {}
    parts = connection.execute(sa.text(PARTS_OF_DAYS), {"first": first, "last": last, "run": RUN})
    for day, name in (*connection.execute(query), *parts):
        found.setdefault(day, set()).add(name)
    return found


def forget_tables_behind(connection: sa.Connection, day: dt.date, but: Collection[str]) -> None:
    """Note that a day's answers change none of the tables `but` these."""
    row = check_result.c
    is_behind = (row.date_id == day) & (row.check_name == RUN) & (row.description == BEHIND)
    connection.execute(check_result.delete().where(is_behind, row.asset_name.not_in(sorted(but))))
