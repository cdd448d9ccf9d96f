-- Question: which genres gain or lose, week by week?
-- How to read: one row per genre and ISO week (named by its Monday) of the last 12 weeks. `avg_popularity` is the plain
-- mean over the films and days of that week; `change_on_week_before` is NULL for a genre's first week. A week with
-- `n_days` under 7 is not over yet, or has gaps. Days loaded only from exports contain only known films.
with weekly as (
    select
        date_trunc('week', f.date_id)::date as week_of,
        b.genre_id,
        count(distinct f.date_id) as n_days,
        count(distinct f.movie_id) as films,
        avg(f.popularity) as avg_popularity
    from fact_movie_daily as f
    inner join bridge_movie_genre as b on f.movie_id = b.movie_id
    where f.date_id >= (select max(s.date_id) - 83 from vw_load_status as s)
    group by date_trunc('week', f.date_id), b.genre_id
)

select
    g.name as genre_name,
    w.week_of,
    w.n_days,
    w.films,
    round(w.avg_popularity::numeric, 2) as avg_popularity,
    round((w.avg_popularity - lag(w.avg_popularity) over (
        partition by w.genre_id
        order by w.week_of asc
    ))::numeric, 2) as change_on_week_before
from weekly as w
inner join dim_genre as g on w.genre_id = g.genre_id
order by genre_name asc, w.week_of asc;
