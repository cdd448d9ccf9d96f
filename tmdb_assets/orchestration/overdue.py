"""Overdue days: today, if it is not loaded by noon (UTC), and the days since TMDb was last requested."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.orchestration.alert_kinds import MISSED, OVERDUE

LATE_AT = dt.time(12, tzinfo=dt.UTC)  # three hours after the schedule
UNDER_WAY = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
LAST_REQUESTED = "select max(date_id) from load_day where discover_count > 0 and date_id < :before"


class Overdue(NamedTuple):
    """One or more overdue days: `cause` names them, `text` says what that means and what to do."""

    cause: str
    text: str


def overdue_days(instance: DagsterInstance, connection: sa.Connection, now: dt.datetime) -> Iterator[Overdue]:
    """Today if it is late, unless a run of it is in progress, and the days before it for which TMDb was not requested.

    Both only where TMDb was requested on other days: an empty warehouse, or one loaded only from exports, has no
    overdue day. The days before today are reported until a later day is loaded from the API.
    """
    today = now.date()
    if (late := _late_day(connection, now)) is not None and not _is_under_way(instance, today):
        yield Overdue(OVERDUE.cause(today), late)
    last = connection.scalar(sa.text(LAST_REQUESTED), {"before": today})
    yesterday = today - dt.timedelta(days=1)
    if last is not None and last < yesterday:
        first = last + dt.timedelta(days=1)
        which = f"{first} to {yesterday} were" if first < yesterday else f"{yesterday} was"
        text = (
            f"{which} missed: TMDb was not requested, and reports votes only on the day itself. Popularity comes from "
            f"the id exports, by the daemon or by tmdb-assets backfill --from {first} --to {yesterday}."
        )
        yield Overdue(MISSED.cause(today), text)


def _late_day(connection: sa.Connection, now: dt.datetime) -> str | None:
    """What to report if today is not loaded by noon (UTC) although an earlier day was requested; else None."""
    today = now.date()
    last: dt.date | None = connection.scalar(sa.text(LAST_REQUESTED), {"before": today})
    loaded = sa.text("select exists (select from load_day where date_id = :day)")
    if last is None or now.timetz() < LATE_AT or connection.scalar(loaded, {"day": today}):
        return None
    return (
        f"{today} is not loaded yet (last day requested: {last}). TMDb reports its votes only until midnight UTC: run "
        "it now (tmdb-assets run), and check that the daemon is running (tmdb-assets doctor)."
    )


def _is_under_way(instance: DagsterInstance, day: dt.date) -> bool:
    """A run of the whole catalogue may take hours; its failure would be reported by another alert."""
    runs = RunsFilter(statuses=UNDER_WAY, tags={PARTITION_NAME_TAG: day.isoformat()})
    return bool(instance.get_runs(runs, limit=1))
