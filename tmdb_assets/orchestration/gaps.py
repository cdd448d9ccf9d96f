"""Which past days lack their facts, and when the gap filler asks for each.

A run that failed is followed by another after a wait that grows, until the day is there or is known to be gone. What
was tried is read from the runs themselves, so that nothing of it can be forgotten or counted twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from tmdb_assets.assets.failures import is_noted_gone
from tmdb_assets.instance.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
)
from tmdb_assets.warehouse.ledger.exports import loaded_days

EXPORT_KEPT_DAYS = 88  # TMDb keeps its exports for about three months
WAIT_HOURS = (1, 4, 24)  # after the first, the second and every later run of a day that did not fill it
MOST_RUNS_A_DAY = 200  # for days that stay empty: a network that is down for long shall not fill the list of runs
GONE_AFTER = 2  # runs that noted so: a single answer may be a fault of the file store


class Gap(NamedTuple):
    """A past day without facts; or `is_loaded`, from discover alone, as its export was not there yet."""

    day: dt.date
    is_loaded: bool

    @property
    def name(self) -> str:
        """What is missing."""
        return f"export-{self.day}" if self.is_loaded else f"gap-{self.day}"


class Ask(NamedTuple):
    """A gap that is to be asked for now, and the run key for it."""

    gap: Gap
    run_key: str


def find_gaps(connection: sa.Connection, first_day: dt.date, today: dt.date) -> list[Gap]:
    """The gaps between the first loaded day and yesterday, as far back as exports are kept, oldest first."""
    loaded = loaded_days(connection)
    if not loaded:
        return []
    first = counted_from(loaded, first_day, today)
    days = [first + dt.timedelta(days=number) for number in range((today - first).days)]
    return [Gap(day, day in loaded) for day in days if not loaded.get(day)]


def counted_from(loaded: Iterable[dt.date], first_day: dt.date, today: dt.date) -> dt.date:
    """The day from which gaps are counted: the first loaded one, or the oldest whose export is still to be had."""
    return max(min(loaded), today - dt.timedelta(days=EXPORT_KEPT_DAYS), first_day)


def due_gaps(
    instance: DagsterInstance, gaps: Sequence[Gap], now: dt.datetime, sensor_name: str, export_url: str
) -> list[Ask]:
    """The gaps to ask for now, in their order; costs one query of the runs of these days."""
    tries = _tries(instance, [gap.day for gap in gaps], sensor_name)
    recent = sum(found.count_since(now - dt.timedelta(days=1)) for found in tries.values())
    due = (Ask(gap, tries[gap.day].run_key(gap)) for gap in gaps if tries[gap.day].is_due(now, export_url))
    return list(islice(due, max(0, MOST_RUNS_A_DAY - recent)))


@dataclass(frozen=True)
class _Tries:
    """The runs of one day: all, and those that ended of the gap filler, oldest first."""

    runs: Sequence[RunRecord]
    own: Sequence[RunRecord]

    def is_due(self, now: dt.datetime, export_url: str) -> bool:
        """Whether nobody is at it, the last run ended long enough ago, and the export is not known to be gone."""
        # A run that was made but not launched yet does not count: its run key is asked again, and Dagster launches it.
        if any(not run.dagster_run.is_finished and not _is_unborn(run) for run in self.runs):
            return False
        if any(_is_about_to_be_retried(run, now) for run in self.runs):
            return False
        if sum(is_noted_gone(run.dagster_run, export_url) for run in self.runs) >= GONE_AFTER:
            return False
        if not self.own:
            return True
        wait = dt.timedelta(hours=WAIT_HOURS[min(len(self.own), len(WAIT_HOURS)) - 1])
        return now - _ended_at(self.own[-1]) >= wait

    def run_key(self, gap: Gap) -> str:
        """One for each run: Dagster launches no second one for a key, also when the first failed."""
        return f"{gap.name} after {self.own[-1].dagster_run.run_id}" if self.own else gap.name

    def count_since(self, moment: dt.datetime) -> int:
        """How many runs of the gap filler were made since."""
        return sum(run.create_timestamp >= moment for run in self.own)


def _tries(instance: DagsterInstance, days: Iterable[dt.date], sensor_name: str) -> dict[dt.date, _Tries]:
    keys = [day.isoformat() for day in days]
    records = instance.get_run_records(RunsFilter(tags={PARTITION_NAME_TAG: keys}))
    by_key: dict[str, list[RunRecord]] = {key: [] for key in keys}
    for record in sorted(records, key=lambda record: record.create_timestamp):
        by_key[record.dagster_run.tags[PARTITION_NAME_TAG]].append(record)
    return {dt.date.fromisoformat(key): _Tries(runs, _ended(runs, sensor_name)) for key, runs in by_key.items()}


def _ended(runs: Iterable[RunRecord], sensor_name: str) -> list[RunRecord]:
    return [
        run for run in runs if run.dagster_run.is_finished and run.dagster_run.tags.get(SENSOR_NAME_TAG) == sensor_name
    ]


def _ended_at(run: RunRecord) -> dt.datetime:
    if run.end_time is None:  # it ended before it began
        return run.update_timestamp
    return dt.datetime.fromtimestamp(run.end_time, dt.UTC)


def _is_about_to_be_retried(run: RunRecord, now: dt.datetime) -> bool:
    """Whether Dagster repeats this run, whose process died, by itself in a moment (`run_retries` of dagster.yaml)."""
    tags = run.dagster_run.tags
    if run.dagster_run.status != DagsterRunStatus.FAILURE or tags.get(WILL_RETRY_TAG) != "true":
        return False
    # In an hour the daemon has done it or never will: then the day is asked for like any other.
    return AUTO_RETRY_RUN_ID_TAG not in tags and now - _ended_at(run) < dt.timedelta(hours=WAIT_HOURS[0])


def _is_unborn(run: RunRecord) -> bool:
    return run.dagster_run.status == DagsterRunStatus.NOT_STARTED
