"""Which days are loaded or have their id export, and how many films became known since that was read.

Only known films are stored from an export, so it lacks those that became known later until it is read again.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.fact import load_day
from tmdb_assets.warehouse.schema.raw import fetch_log

FROM_EXPORT = ("raw_export", "fact_movie_daily")
"""The daily assets that a past day needs which is loaded from its export."""

# The films in dim_movie or the day's discover pages, less those that were known when the export was read.
LATER_FILMS = """
select (select count(*) from dim_movie) + count(*)
    - (select known_film_count from fetch_log where snapshot_date = :day and kind = 'export')
from raw_discover as d
where d.snapshot_date = :day and not exists (select 1 from dim_movie as m where m.movie_id = d.movie_id)
"""

# A day with its own complete discover pages is not loaded from its export, which adds only films that it did not list.
DAYS_WITH_LATER_FILMS = """
select e.snapshot_date
from fetch_log as e
where e.kind = 'export' and e.finished_at is not null
    and e.known_film_count < (select count(*) from dim_movie)
    and (
        e.snapshot_date <= :any_up_to
        or not exists (
            select 1 from fetch_log as d
            where d.snapshot_date = e.snapshot_date and d.kind = 'discover' and d.finished_at is not null
        )
    )
"""


def count_later_films(connection: sa.Connection, day: dt.date) -> int:
    """The number of films that became known since the day's export was read, which `raw_export` lacks."""
    return max(0, connection.scalar(sa.text(LATER_FILMS), {"day": day}) or 0)


def days_with_later_films(connection: sa.Connection, any_up_to: dt.date) -> set[dt.date]:
    """The days loaded from an export that was read before films became known; up to `any_up_to` any day with one."""
    return set(connection.scalars(sa.text(DAYS_WITH_LATER_FILMS), {"any_up_to": any_up_to}))


def loaded_days(connection: sa.Connection) -> dict[dt.date, bool]:
    """The days that have facts, and whether each one's export is stored."""
    is_exported = sa.exists().where(
        fetch_log.c.snapshot_date == load_day.c.date_id,
        fetch_log.c.kind == "export",
        fetch_log.c.finished_at.is_not(None),
    )
    return {day: bool(exported) for day, exported in connection.execute(sa.select(load_day.c.date_id, is_exported))}


def rebuildable_days(connection: sa.Connection, today: dt.date) -> set[dt.date]:
    """The days that may be loaded from what is stored: those with facts, and past ones with a complete source.

    Any other day is not stored whole: its pages were refused or are missing, and only its own run can tell. A complete
    source is the day's discover or its export.
    """
    of_films = fetch_log.c.kind.in_(("discover", "export")) & fetch_log.c.finished_at.is_not(None)
    complete = sa.select(fetch_log.c.snapshot_date).where(of_films, fetch_log.c.snapshot_date < today)
    return set(connection.scalars(sa.union(sa.select(load_day.c.date_id), complete)))
