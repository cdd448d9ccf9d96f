-- One row per film and day: the 8 most popular films of a person (the one with the highest sum of popularity among
-- those of two films or more if none is given), for the days up to the newest one.
with span as (
    select
        max(s.date_id) as newest,
        least(:days, max(s.date_id) - min(s.date_id)) as reach
    from vw_load_status as s
),

person as (
    select d.person_id
    from dim_person as d
    where d.person_id = cast(:person_id as bigint)
    union all
    (
        select v.person_id
        from vw_person_popularity as v
        where v.n_movies >= 2 and cast(:person_id as bigint) is null
        order by v.popularity desc, v.person_id asc
        limit 1
    )
),

film as (
    select
        l.movie_id,
        l.title,
        row_number() over (order by l.popularity desc, l.movie_id asc) as place
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        m.removed_date is null
        and l.movie_id in (
            select b.movie_id
            from bridge_movie_cast as b
            where b.person_id = (select one.person_id from person as one)
            union
            select b.movie_id
            from bridge_movie_crew as b
            where b.person_id = (select one.person_id from person as one)
        )
    order by place
    limit 8
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
    c.movie_id,
    c.title,
    p.popularity,
    g.step_days,
    n.name as person_name
from film as c
cross join grid as g
inner join dim_person as n on n.person_id = (select one.person_id from person as one)
cross join
    lateral (
        select f.popularity
        from fact_movie_daily as f
        where f.date_id = g.date_id and f.movie_id = c.movie_id
        order by f.date_id asc
        limit 1
    ) as p
order by c.place asc, g.date_id asc
