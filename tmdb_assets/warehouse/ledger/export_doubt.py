"""Whether a staged export can be that of its day: compared with the films known, and with days loaded around it.

Decision 19 says how the limits were chosen.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.loading.load import FEW_REJECTED, MAX_REJECTED_SHARE

LEAST_SHARE_OF_KNOWN = 2 / 3  # of the films known today: some did not exist three months ago
DAYS_AROUND = 7

STAGED = "(select movie_id, max(popularity) as popularity from stage_raw_export group by movie_id)"

# A popularity of 0 in place of a figure is no figure.
KNOWN = """
with known as (
    select movie_id, coalesce(d.popularity, l.popularity, 0) as popularity
    from (select movie_id from dim_movie where removed_date is null) as m
    full join (select movie_id, popularity from raw_discover where snapshot_date = :day) as d using (movie_id)
    left join movie_latest as l using (movie_id)
)
select count(*), count(*) filter (where s.popularity > 0 or s.popularity = k.popularity)
from known as k
left join {staged} as s using (movie_id)
"""

NEIGHBOUR = """
select date_id from load_day
where date_id between :first and :last and date_id <> :day
order by abs(date_id - :day), date_id
limit 1
"""

MISSING = """
select count(*), count(*) filter (where (s.popularity > 0 or s.popularity = f.popularity) is not true)
from fact_movie_daily as f
join dim_movie as m using (movie_id)
left join {staged} as s using (movie_id)
where f.date_id = :neighbour and m.removed_date is null
"""

EXPORTS_AROUND = """
select snapshot_date from fetch_log
where kind = 'export' and finished_at is not null
    and snapshot_date between :first and :last and snapshot_date <> :day
order by abs(snapshot_date - :day), snapshot_date
limit 2
"""

SAME = """
select count(distinct a.popularity), coalesce(avg((a.popularity <> b.popularity)::integer), 1)::double precision
from raw_export as a
join {staged} as b using (movie_id)
where a.snapshot_date = :neighbour
"""
ANOTHER = "(select * from raw_export where snapshot_date = :another)"


def find_doubt(connection: sa.Connection, day: dt.date) -> str | None:
    """Why the staged export is not that of `day`, after "it"; None when there is no reason for doubt."""
    around = {"day": day, "first": day - dt.timedelta(DAYS_AROUND), "last": day + dt.timedelta(DAYS_AROUND)}
    known, found = _count(connection, KNOWN, day=day)
    if found < LEAST_SHARE_OF_KNOWN * known:
        return f"has {found} of the {known} known films"
    neighbour: dt.date | None = connection.scalar(sa.text(NEIGHBOUR), around)
    if neighbour is not None:
        films, missing = _count(connection, MISSING, neighbour=neighbour)
        if missing > max(FEW_REJECTED, MAX_REJECTED_SHARE * films):
            return f"lacks {missing} of the {films} films of {neighbour}"
    exports: list[dt.date] = list(connection.scalars(sa.text(EXPORTS_AROUND), around))
    if (
        len(exports) == 2
        and _are_same(connection, STAGED, neighbour=exports[0])
        # Where figures do not change from day to day, the same figures say nothing.
        and not _are_same(connection, ANOTHER, neighbour=exports[0], another=exports[1])
    ):
        return f"has the figures of {exports[0]}"
    return None


def _are_same(connection: sa.Connection, export: str, **days: dt.date) -> bool:
    figures, share_of_others = _count(connection, SAME, export, **days)
    return figures > FEW_REJECTED and share_of_others <= MAX_REJECTED_SHARE


def _count(connection: sa.Connection, query: str, export: str = STAGED, **days: dt.date) -> tuple[float, float]:
    first, second = connection.execute(sa.text(query.format(staged=export)), days).one()
    return first, second
