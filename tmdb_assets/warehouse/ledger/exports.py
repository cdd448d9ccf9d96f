"""Which days have their id export, and how many films became known since it was read.

Only films that are known are taken from an export. So a day that was loaded early lacks those that became known later,
until its export is read again.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.fact import load_day
from tmdb_assets.warehouse.schema.raw import fetch_log

# The films that `fetch_log.known_films` and `fetch_log.discovered_films` give together, and how many were known before.
LATER_FILMS = """
select (select count(*) from dim_movie) + count(*)
    - (select known_film_count from fetch_log where snapshot_date = :day and kind = 'export')
from raw_discover as d
where d.snapshot_date = :day and not exists (select 1 from dim_movie as m where m.movie_id = d.movie_id)
"""


def count_later_films(connection: sa.Connection, day: dt.date) -> int:
    """How many films became known since the day's export was read: it may hold them, `raw_export` does not."""
    return max(0, connection.scalar(sa.text(LATER_FILMS), {"day": day}) or 0)


def loaded_days(connection: sa.Connection) -> dict[dt.date, bool]:
    """The days that have facts, each with whether its export is stored."""
    is_exported = sa.exists().where(
        fetch_log.c.snapshot_date == load_day.c.date_id,
        fetch_log.c.kind == "export",
        fetch_log.c.finished_at.is_not(None),
    )
    return {day: bool(exported) for day, exported in connection.execute(sa.select(load_day.c.date_id, is_exported))}
