"""The daily partitions, and the one clock: what "now" and "today" mean.

A partition is the UTC date on which TMDb was requested. Whatever decides about days reads this clock; `tmdb`, which
may not import it, is given it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dagster import DailyPartitionsDefinition, partition_loading_context


def now() -> dt.datetime:
    """The current moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The current UTC date: the only day for which the API still answers."""
    return now().date()


def daily_partitions(first_day: dt.date) -> DailyPartitionsDefinition:
    """Daily partitions in UTC from `first_day` (`TMDB_FIRST_DAY`) up to and including today."""
    return _Days(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)


class _Days(DailyPartitionsDefinition):
    """Counts its days once a date: Dagster asks for them some 70 times a run, at 4 ms for each year."""

    def get_partition_keys(
        self, current_time: dt.datetime | None = None, dynamic_partitions_store: Any = None
    ) -> Sequence[str]:
        with partition_loading_context(current_time, dynamic_partitions_store) as context:
            return list(_keys(self, context.effective_dt.astimezone(dt.UTC).date()))


@lru_cache(maxsize=8)
def _keys(days: _Days, today: dt.date) -> Sequence[str]:
    noon = dt.datetime.combine(today, dt.time(12), dt.UTC)
    return DailyPartitionsDefinition.get_partition_keys(days, noon)
