"""The daily partitions, and the one clock: what "now" and "today" mean.

A partition is the UTC date on which TMDb was requested. Whatever decides about days reads this clock; `tmdb`, which
may not import it, is given it.
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


def daily_partitions(first_day: dt.date) -> DailyPartitionsDefinition:
    """Daily partitions in UTC from `first_day` (`TMDB_FIRST_DAY`) up to and including today."""
    return DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)
