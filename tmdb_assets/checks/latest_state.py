"""Reconciliation of the latest state with the fact that it is made from, at the cost of a day and of the films."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from dagster import AssetCheckResult, AssetCheckSeverity, ResourceParam

from tmdb_assets.assets.declare import declared_check
from tmdb_assets.assets.publish import SHOWN_VIOLATIONS, violations_table
from tmdb_assets.warehouse.loading.latest_state import NEWEST_DAY
from tmdb_assets.warehouse.warehouse import Warehouse

SAMPLED_FILMS = 1000

# Each query finds the newest day itself and so sees one state, whatever is loaded between two of them.
# Films of the newest day whose latest state is not that day's fact, on either side. Votes count where the fact has any.
WRONG_FILMS = """
select count(*) over () as films, coalesce(f.movie_id, l.movie_id) as movie_id
from (select * from fact_movie_daily where date_id = (select max(d.date_id) from load_day as d)) as f
full join (select * from movie_latest where snapshot_date >= (select max(d.date_id) from load_day as d)) as l
    on l.movie_id = f.movie_id
where
    (l.snapshot_date, l.popularity) is distinct from (f.date_id, f.popularity)
    or (
        f.vote_count is not null
        and (l.votes_date, l.vote_count, l.vote_average) is distinct from (f.date_id, f.vote_count, f.vote_average)
    )
order by 2
limit :shown
"""

# Of the films whose newest fact or votes are older, some that change from day to day: their facts on these days. The
# days are found before the facts, so that each is a look-up in the one month that holds it.
WRONG_OLDER_FILMS = """
with sampled as materialized (
    select l.*
    from movie_latest as l
    where least(l.snapshot_date, l.votes_date) < (select max(d.date_id) from load_day as d)
    order by hashint8extended(l.movie_id, (select max(d.date_id) from load_day as d) - date '2000-01-01'), l.movie_id
    limit :sampled
)
select count(*) over () as films, s.movie_id
from sampled as s
left join lateral (
    select f.popularity from fact_movie_daily as f where f.date_id = s.snapshot_date and f.movie_id = s.movie_id
    offset 0
) as p on true
left join lateral (
    select f.vote_count, f.vote_average
    from fact_movie_daily as f
    where f.date_id = s.votes_date and f.movie_id = s.movie_id
    offset 0
) as v on true
where
    p.popularity is distinct from s.popularity
    or (v.vote_count, v.vote_average) is distinct from (s.vote_count, s.vote_average)
order by 2
limit :shown
"""

# Rounded: two orders of summing differ in the last digits.
WRONG_TOTALS = """
with counted as (
    select kind || ' ' || code as name, round(avg_popularity::numeric, 6), total_votes, n_movies from count_totals()
    union all
    select 'rank ' || rank, movie_id, null, null from count_top()
),

kept as (
    select kind || ' ' || code as name, round(avg_popularity::numeric, 6), total_votes, n_movies from popularity_total
    union all
    select 'rank ' || rank, movie_id, null, null from top_movie
)

select distinct name
from ((select * from counted except select * from kept) union all (select * from kept except select * from counted))
as differing
order by 1
limit :shown
"""

WRONG_COUNT = """
select 'load_day ' || noted || ' for ' || facts
from (
    select
        n.discover_count + n.export_count as noted,
        (
            select count(*) from fact_movie_daily as f
            where f.date_id = (select max(d.date_id) from load_day as d)
        ) as facts
    from load_day as n
    where n.date_id = (select max(d.date_id) from load_day as d)
) as counts
where noted <> facts
"""


@declared_check(
    "fact_movie_daily",
    name="latest_state_agrees",
    description="movie_latest says of every film of the newest loaded day what that day's fact says, and of 1,000 "
    "films with older facts or votes, others each day, what the facts of those days say; load_day has the newest "
    "day's number of facts; popularity_total and top_movie are what a fresh count gives. Not looked for: facts newer "
    "than the snapshot_date of a film outside the newest day. If not: load the days again that its message names.",
)
def latest_state_agrees(warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
    """Compare what the load keeps beside the fact with the fact."""
    values = {"shown": SHOWN_VIOLATIONS, "sampled": SAMPLED_FILMS}
    with warehouse.begin() as connection:
        day: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
        films = {
            name: connection.execute(sa.text(query), values).all()
            for name, query in (("of the newest day", WRONG_FILMS), ("sampled of older days", WRONG_OLDER_FILMS))
        }
        totals = list(connection.scalars(sa.text(WRONG_TOTALS), values))
        totals += connection.scalars(sa.text(WRONG_COUNT))
    found = {name: (rows[0].films if rows else 0, [int(row.movie_id) for row in rows]) for name, rows in films.items()}
    return judge_latest_state(day, found, totals)


MEND_TOTALS = "Materialize fact_movie_daily of the newest day: its load counts the totals again."


def _mend_films(day: dt.date | None) -> str:
    return (
        "Delete the rows of these films from movie_latest, then materialize fact_movie_daily of the "
        f"days that they were on, {day} last: each load brings its films' state and the totals up to date."
    )


def judge_latest_state(
    day: dt.date | None, films: dict[str, tuple[int, list[int]]], totals: list[str]
) -> AssetCheckResult:
    """Fail when films (group -> their number and the ids shown) or totals are not what the fact says."""
    wrong = sum(number for number, _ in films.values())
    text = f"The latest state is what the fact says, as of {day or 'no day yet'}."
    if wrong or totals:
        told = [f"{number} films {name}" for name, (number, _) in films.items() if number]
        told += [f"{len(totals)} totals ({', '.join(totals[:5])})"] if totals else []
        text = (
            f"{' and '.join(told)} differ from what the fact says, as of {day}. The fact is right; the views show the "
            f"wrong state. {_mend_films(day) if wrong else MEND_TOTALS}"
        )
    shown = sorted({film for _, ids in films.values() for film in ids})  # a film may be wrong in both groups
    metadata: dict[str, Any] = {
        "newest_day": str(day),
        **{f"wrong_films_{name.replace(' ', '_')}": number for name, (number, _) in films.items()},
        "movie_ids": violations_table("movie_id", [str(film) for film in shown]),
        "wrong_totals": violations_table("total", totals),
    }
    return AssetCheckResult(
        passed=not wrong and not totals, severity=AssetCheckSeverity.ERROR, description=text, metadata=metadata
    )
