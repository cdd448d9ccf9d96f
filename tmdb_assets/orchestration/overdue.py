"""Days on which TMDb was not asked in time: today, from noon on, and those since the last day that was asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from tmdb_assets.instance.tags import PARTITION_NAME_TAG

LATE_AT = dt.time(12, tzinfo=dt.UTC)  # three hours after the schedule
UNDER_WAY = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
LAST_ASKED = "select max(date_id) from load_day where discover_count > 0 and date_id < :before"


class Missed(NamedTuple):
    """One or more days that were missed: `cause` names them, `text` says what it means and what to do."""

    cause: str
    text: str


def missed_days(instance: DagsterInstance, connection: sa.Connection, now: dt.datetime) -> Iterator[Missed]:
    """Today when it is late, unless a run of it is under way, and the days before it that were never asked.

    Both only where other days were asked, so that an empty warehouse and one of exports alone miss nothing. The days
    before are told until a later one is asked.
    """
    today = now.date()
    if (late := late_day(connection, now)) is not None and not _is_under_way(instance, today):
        yield Missed(f"missed {today}", late)
    last = connection.scalar(sa.text(LAST_ASKED), {"before": today})
    yesterday = today - dt.timedelta(days=1)
    if last is not None and last < yesterday:
        first = last + dt.timedelta(days=1)
        which = f"{first} to {yesterday} were" if first < yesterday else f"{yesterday} was"
        text = (
            f"{which} missed: TMDb was not asked, and tells its votes for the day itself only. Popularity comes from "
            f"the id exports, by the daemon or by tmdb-assets backfill --from {first} --to {yesterday}."
        )
        yield Missed(f"missed before {today}", text)


def late_day(connection: sa.Connection, now: dt.datetime) -> str | None:
    """What to say of today when it is not loaded by noon (UTC) although a day before it was asked; else None."""
    today = now.date()
    last: dt.date | None = connection.scalar(sa.text(LAST_ASKED), {"before": today})
    loaded = sa.text("select exists (select from load_day where date_id = :day)")
    if last is None or now.timetz() < LATE_AT or connection.scalar(loaded, {"day": today}):
        return None
    return (
        f"{today} is not loaded yet (last day asked: {last}). TMDb tells its votes until midnight UTC only: run it now "
        "(tmdb-assets run), and see whether the daemon is alive (tmdb-assets doctor)."
    )


def _is_under_way(instance: DagsterInstance, day: dt.date) -> bool:
    """A run of the whole catalogue may take hours; whether it fails is told by itself."""
    runs = RunsFilter(statuses=UNDER_WAY, tags={PARTITION_NAME_TAG: day.isoformat()})
    return bool(instance.get_runs(runs, limit=1))
