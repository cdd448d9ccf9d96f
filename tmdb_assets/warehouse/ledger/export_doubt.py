"""Whether a staged export can be that of its day: compared with the films known, and with days loaded around it.

Decision 19 says how the limits were chosen.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import sqlalchemy as sa

from tmdb_assets.warehouse.loading.load import FEW_REJECTED, MAX_REJECTED_SHARE

LACKING_SHARE = 0.1  # of the known films that had been released: some were added to TMDb later
FEW_KNOWN = 20  # the share of fewer films than this says nothing
FEW_LACKING = 5  # removed since, and not yet noticed
DAYS_AROUND = 7
DAYS_DOUBTED = 2  # how long an export with another day's figures may still be replaced by its own

STAGED = "(select movie_id, max(popularity) as popularity from stage_raw_export group by movie_id)"

# A popularity of 0 in place of a figure is no figure.
KNOWN = """
with known as (
    select movie_id, coalesce(d.popularity, l.popularity, 0) as popularity
    from (select movie_id from dim_movie where removed_date is null and release_date <= :day) as m
    full join (select movie_id, popularity from raw_discover where snapshot_date = :day) as d using (movie_id)
    left join movie_latest as l using (movie_id)
)
select count(*), count(*) filter (where s.popularity > 0 or s.popularity = k.popularity)
from known as k
left join {staged} as s using (movie_id)
"""

CONTRADICTED = """
select count(*) over (), movie_id, min(popularity), max(popularity)
from stage_raw_export
group by movie_id
having min(popularity) <> max(popularity)
order by movie_id
limit 3
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
where f.date_id = :neighbour and m.removed_date is null and (f.date_id < :day or m.release_date <= :day)
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
    known, found = _count(connection, KNOWN, day=day)
    limit = max(FEW_LACKING, LACKING_SHARE * known) if known >= FEW_KNOWN else max(0, known - 1)
    if known - found > limit:
        return f"has {found} of the {known} known films released by then"
    neighbour: dt.date | None = connection.scalar(sa.text(NEIGHBOUR), _around(day))
    if neighbour is not None:
        films, missing = _count(connection, MISSING, neighbour=neighbour, day=day)
        if missing > _may_lack(films, is_earlier=neighbour < day):
            return f"lacks {missing} of the {films} films of {neighbour}"
    return None


def find_repeated(connection: sa.Connection, day: dt.date) -> dt.date | None:
    """The nearest day whose figures the staged export repeats, unless figures do not change from day to day."""
    exports: list[dt.date] = list(connection.scalars(sa.text(EXPORTS_AROUND), _around(day)))
    if (
        len(exports) == 2
        and _are_same(connection, STAGED, neighbour=exports[0])
        # Where figures do not change from day to day, the same figures say nothing.
        and not _are_same(connection, ANOTHER, neighbour=exports[0], another=exports[1])
    ):
        return exports[0]
    return None


class Contradicted(NamedTuple):
    """Films that an export names with different figures, of which the highest is stored; `examples` in words."""

    films: int
    examples: str


NOT_CONTRADICTED = Contradicted(0, "")


def find_contradicted(connection: sa.Connection) -> Contradicted:
    """The films that the staged export names with different figures."""
    found = connection.execute(sa.text(CONTRADICTED)).all()
    examples = ", ".join(f"{film} ({lowest:g} and {highest:g})" for _, film, lowest, highest in found)
    return Contradicted(found[0][0], examples) if found else NOT_CONTRADICTED


def _around(day: dt.date) -> dict[str, dt.date]:
    return {"day": day, "first": day - dt.timedelta(DAYS_AROUND), "last": day + dt.timedelta(DAYS_AROUND)}


def _may_lack(films: float, *, is_earlier: bool) -> float:
    """How many of a neighbouring day's films may be absent."""
    # The films of an earlier day existed; of a few films of a later one, most may have been added since.
    few = min(FEW_LACKING, max(1, films // 5)) if is_earlier else FEW_LACKING
    return max(few, MAX_REJECTED_SHARE * films)


def _are_same(connection: sa.Connection, export: str, **days: dt.date) -> bool:
    figures, share_of_others = _count(connection, SAME, export, **days)
    return figures > FEW_REJECTED and share_of_others <= MAX_REJECTED_SHARE


def _count(connection: sa.Connection, query: str, export: str = STAGED, **days: dt.date) -> tuple[float, float]:
    # Postgres takes a day that came after its statistics for one row, and would read the export for each of its films.
    connection.exec_driver_sql("set local enable_nestloop = off")
    first, second = connection.execute(sa.text(query.format(staged=export)), days).one()
    connection.exec_driver_sql("set local enable_nestloop to default")
    return first, second
