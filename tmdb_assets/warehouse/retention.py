"""Drops raw answers after 180 days, as TMDb's terms require; facts, dimensions and the history of films stay.

`MOVIE_HISTORY_DAYS` limits the history too (docs/decisions/0034-the-history-of-films-is-a-function-of-the-answers.md).

Reference: https://www.themoviedb.org/api-terms-of-use (caching)
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from tmdb_assets.warehouse.loading.history import forget_former_states
from tmdb_assets.warehouse.schema.raw import details_due, rejected_row
from tmdb_assets.warehouse.warehouse import Warehouse

RAW_KEPT_DAYS = 180


@dataclass(frozen=True)
class Dropped:
    """What a call dropped: partitions of raw answers, rows of the ledger for those days, and former states of films."""

    partitions: tuple[str, ...] = ()
    rejected_rows: int = 0
    due_rows: int = 0
    former_states: int = 0


def first_kept_day(today: dt.date) -> dt.date:
    """The oldest day whose raw answers are still kept."""
    return today - dt.timedelta(days=RAW_KEPT_DAYS)


def drop_old_raw(warehouse: Warehouse, today: dt.date) -> Dropped:
    """Drop the raw answers, rejected rows (which hold answers) and due films of days over 180 days before `today`.

    `fetch_log` is kept. Former states of films go only where `MOVIE_HISTORY_DAYS` says after how many days.
    """
    first = first_kept_day(today)
    with warehouse.begin() as connection:
        # Dropping a partition locks the whole table, and others queue behind it: so give up soon. A partition in use
        # by a backup or a reader is dropped by the next call.
        connection.exec_driver_sql("set local lock_timeout = '1s'")
        partitions = connection.scalars(sa.text("select drop_raw_partitions(:first)"), {"first": first}).all()
        rejected = connection.execute(rejected_row.delete().where(rejected_row.c.snapshot_date < first)).rowcount
        due = connection.execute(details_due.delete().where(details_due.c.snapshot_date < first)).rowcount
    kept_days = warehouse.settings.movie_history_days
    states = 0
    if kept_days is not None:
        with warehouse.begin() as connection:
            states = forget_former_states(connection, today - dt.timedelta(days=kept_days))
    return Dropped(tuple(partitions), rejected, due, states)
