-- Question: which genres gain or lose, week by week?
-- How to read: one row per genre and ISO week (named by its Monday) of the last 12 weeks. `top_200_share` is its share
-- of the popularity of each day's 200 most popular films, all days of the week together: it does not change with the
-- number of films that are loaded. `change_on_week_before` is NULL for a genre's first week. A week with `n_days` under
-- 7 is not over yet, or has gaps. Removed films are excluded.
with removed as materialized (
    select m.movie_id
    from dim_movie as m
    where m.removed_date is not null
),

top_film as (
    select
        date_trunc('week', s.date_id)::date as week_of,
        s.date_id,
        t.movie_id,
        t.popularity
    from vw_load_status as s
    cross join
        lateral (
            select
                f.movie_id,
                f.popularity
            from fact_movie_daily as f
            where f.date_id = s.date_id and f.movie_id not in (select r.movie_id from removed as r)
            order by f.popularity desc, f.movie_id asc
            limit 200
        ) as t
    where s.date_id >= (select max(n.date_id) - 83 from vw_load_status as n)
),

week as (
    select
        f.week_of,
        count(distinct f.date_id) as n_days,
        sum(f.popularity) as popularity
    from top_film as f
    group by f.week_of
),

weekly as (
    select
        b.genre_id,
        f.week_of,
        count(distinct f.movie_id) as films,
        sum(f.popularity) as popularity
    from top_film as f
    inner join bridge_movie_genre as b on f.movie_id = b.movie_id
    group by b.genre_id, f.week_of
)

select
    g.name as genre_name,
    k.week_of,
    k.n_days,
    w.films,
    round((w.popularity / nullif(k.popularity, 0))::numeric, 3) as top_200_share,
    round((w.popularity / nullif(k.popularity, 0) - lag(w.popularity / nullif(k.popularity, 0)) over (
        partition by w.genre_id
        order by w.week_of asc
    ))::numeric, 3) as change_on_week_before
from weekly as w
inner join week as k on w.week_of = k.week_of
inner join dim_genre as g on w.genre_id = g.genre_id
order by genre_name asc, k.week_of asc;
