"""The one daily partition definition, and what "today" means.

A partition is the UTC date on which TMDb was asked. Time is asked for here and nowhere else.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from dagster import DailyPartitionsDefinition

from tmdb_assets.settings import get_settings


def now() -> dt.datetime:
    """The current moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The current UTC date: the only day that can still be asked from the API."""
    return now().date()


@lru_cache(maxsize=256)
def run_date(run_id: str) -> dt.date:
    """The date that a run belongs to: the UTC date when its first step asked, even if it goes on past midnight."""
    del run_id  # the key of the cache: every run keeps its own first answer
    return today()


def daily_partitions(first_day: dt.date | None = None) -> DailyPartitionsDefinition:
    """Daily partitions in UTC from `first_day` (default `TMDB_FIRST_DAY`) up to and including today."""
    first = first_day or get_settings().tmdb_first_day
    return DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)
