-- One row per film and day, for the given films (the top 8 if none are given) and the days up to the newest one.
-- Over more than a year, every `step_days`-th day is enough; each day is looked up by film, so that no other row is
-- read.
with span as (
    select
        max(s.date_id) as newest,
        least(:days, max(s.date_id) - min(s.date_id)) as reach
    from vw_load_status as s
),

chosen as (
    select
        unnest(cast(:movie_ids as bigint[])) as movie_id,
        generate_subscripts(cast(:movie_ids as bigint[]), 1) as place
    union all
    select
        t.movie_id,
        t.rank as place
    from vw_top_movies as t
    where t.rank <= 8 and cast(:movie_ids as bigint[]) is null
),

grid as (
    select
        s.newest - ago as date_id,
        1 + (s.reach - 1) / 366 as step_days
    from span as s
    cross join generate_series(0, s.reach, 1 + (s.reach - 1) / 366) as ago
)

select
    g.date_id,
    m.movie_id,
    m.title,
    p.popularity,
    g.step_days
from chosen as c
inner join dim_movie as m on c.movie_id = m.movie_id
cross join grid as g
cross join
    lateral (
        select f.popularity
        from fact_movie_daily as f
        where f.date_id = g.date_id and f.movie_id = c.movie_id
        order by f.date_id asc
        limit 1
    ) as p
order by c.place asc, g.date_id asc
