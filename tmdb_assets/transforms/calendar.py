"""The rows of `dim_date`."""

from __future__ import annotations

import calendar
import datetime as dt

from tmdb_assets.transforms.conform import Row


def calendar_rows(first_year: int, last_year: int) -> list[Row]:
    """One row per day from 1 January of `first_year` to 31 December of `last_year`; weeks follow ISO 8601."""
    day, rows = dt.date(first_year, 1, 1), []
    while day.year <= last_year:
        iso = day.isocalendar()
        rows.append(
            {
                "date_id": day,
                "year": day.year,
                "quarter": (day.month - 1) // 3 + 1,
                "month": day.month,
                "day": day.day,
                "iso_week": iso.week,
                "iso_day_of_week": iso.weekday,
                "month_name": calendar.month_name[day.month],
                "is_weekend": iso.weekday >= 6,
            }
        )
        day += dt.timedelta(days=1)
    return rows
