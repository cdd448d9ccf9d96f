"""The one daily partition definition, and what "today" means.

A partition is the UTC date on which TMDb was asked. Time is asked for here and nowhere else.
"""

from __future__ import annotations

import datetime as dt

from dagster import DailyPartitionsDefinition


def now() -> dt.datetime:
    """The current moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The current UTC date: the only day that can still be asked from the API."""
    return now().date()


_run_dates: dict[str, dt.date] = {}  # of the runs of this process


def begin_run(run_id: str, date: dt.date) -> None:
    """Say to which date a run belongs, before it starts: to that on which its command was given.

    Not a tag of the run: the UI repeats a run with its tags, and a later day would take itself for an earlier one.
    """
    _run_dates[run_id] = date


def run_date(run_id: str) -> dt.date:
    """The date that a run belongs to, even if it goes on past midnight.

    It is the date of `begin_run`, else the UTC date when the run's first step asked: a run of the schedule that is
    launched after midnight is one for a past day.
    """
    return _run_dates.setdefault(run_id, today())


def daily_partitions(first_day: dt.date) -> DailyPartitionsDefinition:
    """Daily partitions in UTC from `first_day` (`TMDB_FIRST_DAY`) up to and including today."""
    return DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)
