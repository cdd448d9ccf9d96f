"""The check that compares the latest state with the fact; it reads one day of the fact and a sample of the films."""

import datetime as dt

import sqlalchemy as sa
from dagster import AssetCheckResult, AssetCheckSeverity, ResourceParam

from tmdb_assets.assets.declare import declared_check
from tmdb_assets.assets.publish import SHOWN_VIOLATIONS, violations_table
from tmdb_assets.warehouse.loading.latest_state import NEWEST_DAY
from tmdb_assets.warehouse.warehouse import Warehouse

SAMPLED_FILMS = 1000
RENEW_FILMS = (
    "Delete the rows of these films from movie_latest, then materialize fact_movie_daily of each day they were on, "
    "{day} last: each load updates the state of its films and the totals."
)
RENEW_TOTALS = "Materialize fact_movie_daily of the newest day: its load counts the totals again."

# Each query finds the newest day itself, so that it sees one state even if a day is loaded between two queries.
# Films of the newest day whose latest state differs from that day's fact, or that only one of both has. Votes are
# compared where the fact has any.
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

# A sample, another each day, of the films whose newest fact or votes are older: their facts on these days. The days are
# found before the facts, so that each fact is looked up in one monthly partition only.
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

# Whole rows: sums are exact and medians do not depend on the order, so that a fresh count gives the same digits.
WRONG_TOTALS = """
with counted as (
    select t.kind || ' ' || t.code as name, t::text from count_totals() as t
    union all
    select 'rank ' || t.rank, t::text from count_top() as t
),

kept as (
    select t.kind || ' ' || t.code as name, t::text from popularity_total as t
    union all
    select 'rank ' || t.rank, t::text from top_movie as t
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
    description="movie_latest agrees with the fact: for every film of the newest loaded day, and for 1,000 films with "
    "older facts or votes, others each day. load_day has the newest day's number of facts, and popularity_total and "
    "top_movie equal a fresh count. Not checked: facts newer than the snapshot_date of a film outside the newest day. "
    "If not: load the days named in the message again.",
)
def latest_state_agrees(warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
    """Fail when the latest state or the totals differ from the fact that they are made from."""
    values = {"shown": SHOWN_VIOLATIONS, "sampled": SAMPLED_FILMS}
    with warehouse.begin() as connection:
        day: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
        newest = connection.execute(sa.text(WRONG_FILMS), values).all()
        older = connection.execute(sa.text(WRONG_OLDER_FILMS), values).all()
        totals = [
            *connection.scalars(sa.text(WRONG_TOTALS), values),
            *connection.scalars(sa.text(WRONG_COUNT)),
        ]
    wrong_newest, wrong_older = (rows[0].films if rows else 0 for rows in (newest, older))
    differing = [f"{wrong_newest} films of the newest day"] if wrong_newest else []
    differing += [f"{wrong_older} films sampled of older days"] if wrong_older else []
    differing += [f"{len(totals)} totals ({', '.join(totals[:5])})"] if totals else []
    text = f"The latest state agrees with the fact as of {day or 'no day yet'}."
    if differing:
        advice = RENEW_FILMS.format(day=day) if newest or older else RENEW_TOTALS
        text = (
            f"{' and '.join(differing)} differ from the fact as of {day}. The fact is right; the views show the wrong "
            f"state. {advice}"
        )
    films = sorted({int(row.movie_id) for row in (*newest, *older)})  # a film may be in both
    return AssetCheckResult(
        passed=not differing,
        severity=AssetCheckSeverity.ERROR,
        description=text,
        metadata={
            "newest_day": str(day),
            "wrong_films_of_the_newest_day": wrong_newest,
            "wrong_films_sampled_of_older_days": wrong_older,
            "movie_ids": violations_table("movie_id", [str(film) for film in films]),
            "wrong_totals": violations_table("total", totals),
        },
    )
