"""Updates each film's latest state, `load_day` and the totals within the transaction of a load.

The cost depends on the day, not on the history. Popularity comes from the newest day, votes from the newest day that
has them; both rules are maxima, so days may be loaded in any order.

`popularity_total` and `top_movie` hold what the ranking and aggregating views show. Every load that changes their input
renews them at the end of its transaction (sql/functions/renew_totals.sql).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.warehouse.schema.dimensions import dim_date

NEWEST_DAY = "select max(date_id) from load_day"
"""The newest loaded day, which views and reports show; NULL before the first load."""

KEEP_LATEST = """
insert into movie_latest as t (movie_id, popularity, snapshot_date, vote_average, vote_count, votes_date)
select
    movie_id, popularity, date_id, vote_average, vote_count,
    case when vote_count is not null then date_id end
from fact_movie_daily
where date_id = :day
order by movie_id
on conflict (movie_id) do update set
    popularity = case
        when excluded.snapshot_date >= t.snapshot_date then excluded.popularity else t.popularity
    end,
    snapshot_date = greatest(t.snapshot_date, excluded.snapshot_date),
    vote_average = case
        when excluded.votes_date >= coalesce(t.votes_date, '-infinity'::date) then excluded.vote_average
        else t.vote_average
    end,
    vote_count = case
        when excluded.votes_date >= coalesce(t.votes_date, '-infinity'::date) then excluded.vote_count
        else t.vote_count
    end,
    votes_date = greatest(t.votes_date, excluded.votes_date)
where
    (
        excluded.snapshot_date >= t.snapshot_date
        and (t.popularity, t.snapshot_date) is distinct from (excluded.popularity, excluded.snapshot_date)
    )
    or (
        excluded.votes_date >= coalesce(t.votes_date, '-infinity'::date)
        and (t.vote_average, t.vote_count, t.votes_date)
        is distinct from (excluded.vote_average, excluded.vote_count, excluded.votes_date)
    )
"""

KEEP_LOAD_DAY = """
insert into load_day as t (date_id, discover_count, export_count)
select
    :day,
    count(*) filter (where source = 'discover'),
    count(*) filter (where source = 'export')
from fact_movie_daily
where date_id = :day
on conflict (date_id) do update set
    discover_count = excluded.discover_count,
    export_count = excluded.export_count,
    -- Of each load another one, also where a load is overtaken or the clock was set back: forecasts are due by it.
    loaded_at = greatest(t.loaded_at + interval '1 microsecond', now())
"""


def ensure_day(connection: sa.Connection, day: dt.date) -> None:
    """Add the day to dim_date, which may not be materialized yet."""
    row = next(row for row in calendar_rows(day.year, day.year) if row["date_id"] == day)
    connection.execute(postgresql.insert(dim_date).values(row).on_conflict_do_nothing())


def keep_latest(connection: sa.Connection, day: dt.date) -> None:
    """Update `movie_latest`, `load_day` and the totals after a load of a day's facts.

    The totals are renewed only if a film's state changed or the day is the newest; see `renew_totals`.
    """
    newest: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
    changed = connection.execute(sa.text(KEEP_LATEST), {"day": day}).rowcount
    connection.execute(sa.text(KEEP_LOAD_DAY), {"day": day})
    if changed or newest is None or newest <= day:
        renew_totals(connection)


def renew_totals(connection: sa.Connection) -> None:
    """Count the totals of the views again, at the end of a transaction that changed their input.

    Of two concurrent transactions the second waits here until the first has ended, and then counts what both changed.
    After this call a transaction must not take a lock that another may hold: that one may be waiting here.
    """
    connection.exec_driver_sql("select renew_totals()")
