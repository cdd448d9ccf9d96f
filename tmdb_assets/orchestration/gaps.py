"""Gaps: past days without facts, a table, their export or films known since, and when a run is requested for each.

A failed run is repeated after a growing wait, until the day is loaded or its export is known to be gone; a cancelled
one waits for a person. Earlier attempts are read from Dagster's runs; nothing else is stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunRecord

from tmdb_assets.assets.failures import is_noted_gone
from tmdb_assets.instance.cancelled import cancelled_days, runs_by_day
from tmdb_assets.instance.tags import AUTO_RETRY_RUN_ID_TAG, SENSOR_NAME_TAG, WILL_RETRY_TAG
from tmdb_assets.orchestration.past_days import days_behind
from tmdb_assets.warehouse.ledger.exports import days_with_later_films, loaded_days
from tmdb_assets.warehouse.retention import first_kept_day

ONE_DAY = dt.timedelta(days=1)
EXPORT_KEPT_DAYS = 88  # TMDb keeps its exports for about three months
WAIT_HOURS = (1, 4, 24)  # after the first, the second and every later run that did not load the day
FILMS_EVERY_DAYS = 7  # a day that lacks only films waits for an age of whole weeks: at most 13 exports on any day
LAST_READ_DAYS = 77  # from this age on, every day gets the films known since, while its export is still published
MOST_RUNS_A_DAY = 200  # over all gaps: a long network outage must not fill the list of runs
GONE_AFTER = 2  # runs that found it gone: a single answer may be a fault of the file store


class Gap(NamedTuple):
    """A past day without facts; if `is_loaded`, one whose export is to be read; if `is_behind`, one to be rebuilt.

    An export was not published when the day was loaded, or, if `lacks_films`, was read before films became known. A day
    is rebuilt from stored answers of which not every table is made.
    """

    day: dt.date
    is_loaded: bool
    lacks_films: bool = False
    is_behind: bool = False

    @property
    def name(self) -> str:
        """What is missing."""
        what = "films" if self.lacks_films else "export" if self.is_loaded else "tables" if self.is_behind else "gap"
        return f"{what}-{self.day}"

    def is_later(self, today: dt.date) -> bool:
        """Whether this is not the day of the week on which it gets the films that became known."""
        return self.lacks_films and (today - self.day).days % FILMS_EVERY_DAYS != 0


def find_gaps(connection: sa.Connection, first_day: dt.date, today: dt.date) -> list[Gap]:
    """The gaps between the first loaded day and yesterday, as far back as exports, or raw answers, are kept.

    Oldest first; those that lack only films come last.
    """
    loaded = loaded_days(connection)
    if not loaded:
        return []
    first = counted_from(loaded, first_day, today)
    days = [first + dt.timedelta(days=number) for number in range((today - first).days)]
    oldest = max(min(loaded), first_kept_day(today), first_day)
    behind = {day for day in days_behind(connection, oldest, today - ONE_DAY) if day in loaded or day < first}
    missing = [Gap(day, day in loaded) for day in days if not loaded.get(day) and day not in behind]
    missing += [Gap(day, is_loaded=False, is_behind=True) for day in behind]
    later = days_with_later_films(connection, today - dt.timedelta(days=LAST_READ_DAYS)) - behind
    return sorted(missing) + [Gap(day, True, True) for day in days if loaded.get(day) and day in later]


def counted_from(loaded: Iterable[dt.date], first_day: dt.date, today: dt.date) -> dt.date:
    """The day from which gaps are counted: the first loaded one, or the oldest whose export is still published."""
    return max(min(loaded), today - dt.timedelta(days=EXPORT_KEPT_DAYS), first_day)


@dataclass(frozen=True)
class Due:
    """The gaps to request a run for now, each with its run key, and the days that wait until a person runs them."""

    gaps: Sequence[tuple[Gap, str]]
    cancelled: Sequence[dt.date]


def due_gaps(
    instance: DagsterInstance,
    gaps: Sequence[Gap],
    now: dt.datetime,
    sensor_name: str,
    export_url: str,
    *,
    today: dt.date,
) -> Due:
    """What is due, in the order of `gaps`; one query of Dagster's runs, and one of its backfills."""
    runs = runs_by_day(instance, [gap.day for gap in gaps])
    cancelled = cancelled_days(instance, runs, now)
    tries = {day: _Tries(found, _ended(found, sensor_name)) for day, found in runs.items()}
    yesterday = now - dt.timedelta(days=1)
    recent = sum(run.create_timestamp >= yesterday for found in tries.values() for run in found.own)
    waiting = [gap for gap in gaps if gap.day not in cancelled and not gap.is_later(today)]
    due = ((gap, tries[gap.day].run_key(gap)) for gap in waiting if tries[gap.day].is_due(gap, now, export_url))
    return Due(list(islice(due, max(0, MOST_RUNS_A_DAY - recent))), sorted(cancelled))


def describe_days(days: Sequence[dt.date]) -> str:
    """How many days these are, and from when to when."""
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def describe_cancelled(days: Sequence[dt.date]) -> str:
    """What happens to days that a person cancelled, and what loads them."""
    what = "its newest run was" if len(days) == 1 else "their newest runs were"
    command = f"tmdb-assets backfill --from {days[0]} --to {days[-1]}"
    return f"{describe_days(days)}: {what} cancelled, so a person decides when to run again ({command})"


@dataclass(frozen=True)
class _Tries:
    """The runs of one day, oldest first: all of them, and the gap filler's `own` that have ended."""

    runs: Sequence[RunRecord]
    own: Sequence[RunRecord]

    def is_due(self, gap: Gap, now: dt.datetime, export_url: str) -> bool:
        """Whether no run is in progress, the last one ended long enough ago, and a needed export is not known gone."""
        # A run that was created but not launched does not count: requesting its key again makes Dagster launch it.
        states = [run.dagster_run.status for run in self.runs if not run.dagster_run.is_finished]
        if any(state != DagsterRunStatus.NOT_STARTED for state in states):
            return False
        if any(_is_about_to_be_retried(run, now) for run in self.runs):
            return False
        if not gap.is_behind and sum(is_noted_gone(run.dagster_run, export_url) for run in self.runs) >= GONE_AFTER:
            return False
        if not self.own:
            return True
        tries = len(WAIT_HOURS) if gap.lacks_films else min(len(self.own), len(WAIT_HOURS))
        wait = dt.timedelta(hours=WAIT_HOURS[tries - 1])
        return now - _ended_at(self.own[-1]) >= wait

    def run_key(self, gap: Gap) -> str:
        """One for each run: Dagster launches only one run per key, even if it fails."""
        return f"{gap.name} after {self.own[-1].dagster_run.run_id}" if self.own else gap.name


def _ended(runs: Iterable[RunRecord], sensor_name: str) -> list[RunRecord]:
    return [
        run for run in runs if run.dagster_run.is_finished and run.dagster_run.tags.get(SENSOR_NAME_TAG) == sensor_name
    ]


def _ended_at(run: RunRecord) -> dt.datetime:
    if run.end_time is None:  # it ended before it began
        return run.update_timestamp
    return dt.datetime.fromtimestamp(run.end_time, dt.UTC)


def _is_about_to_be_retried(run: RunRecord, now: dt.datetime) -> bool:
    """Whether Dagster is about to repeat this run, whose process died (`run_retries` in dagster.yaml)."""
    tags = run.dagster_run.tags
    if run.dagster_run.status != DagsterRunStatus.FAILURE or tags.get(WILL_RETRY_TAG) != "true":
        return False
    # Within an hour the daemon has done so or never will: then the day is due like any other.
    return AUTO_RETRY_RUN_ID_TAG not in tags and now - _ended_at(run) < dt.timedelta(hours=WAIT_HOURS[0])
