"""The daily partitions, and the one clock: what "now" and "today" mean.

A partition is the UTC date on which TMDb was requested. Whatever decides about days uses this clock; `tmdb` only stamps
when an answer arrived.
"""

from __future__ import annotations

import datetime as dt

from dagster import DailyPartitionsDefinition


def now() -> dt.datetime:
    """The current moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The current UTC date: the only day for which the API still answers."""
    return now().date()


_run_dates: dict[str, dt.date] = {}  # of the runs of this process


def begin_run(run_id: str, date: dt.date) -> None:
    """Set the date that a run belongs to, before it starts: the date on which its command was given.

    It is not a tag of the run: the UI repeats a run with its tags, and the repetition would take over the old date.
    """
    _run_dates[run_id] = date


def run_date(run_id: str) -> dt.date:
    """The date that a run belongs to, even if it continues past midnight.

    It is the date of `begin_run`, else the UTC date when the run's first step called this: a scheduled run that is
    launched after midnight is one of a past day.
    """
    return _run_dates.setdefault(run_id, today())


def daily_partitions(first_day: dt.date) -> DailyPartitionsDefinition:
    """Daily partitions in UTC from `first_day` (`TMDB_FIRST_DAY`) up to and including today."""
    return DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)
