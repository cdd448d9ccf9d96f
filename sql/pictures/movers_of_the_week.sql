-- The ten biggest rises and ten biggest falls of the week. A film without a known change shows the chart that
-- there is no history. Same figures as vw_trending_movies, but reads two days instead of four: less than half the time.
with newest as (
    select max(s.date_id) as newest_day
    from vw_load_status as s
),

changes as materialized (
    select
        l.movie_id,
        l.popularity,
        w.popularity as popularity_7d_ago,
        l.popularity - w.popularity as change_7d
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    -- A subquery, so that only one month's partition is read.
    left join fact_movie_daily as w
        on l.movie_id = w.movie_id and w.date_id = (select n.newest_day - 7 from newest as n)
    where l.snapshot_date = (select n.newest_day from newest as n) and m.removed_date is null
),

risers as (
    select *
    from changes
    order by change_7d desc nulls last, popularity desc, movie_id asc
    limit 10
),

fallers as (
    select *
    from changes
    order by change_7d asc nulls last, popularity desc, movie_id asc
    limit 10
),

both_ends as (
    select *
    from risers
    union
    select *
    from fallers
)

select
    b.movie_id,
    m.title,
    b.popularity,
    b.popularity_7d_ago,
    b.change_7d,
    case
        when b.popularity_7d_ago >= 0.001
            then 100 * ((b.popularity - b.popularity_7d_ago) / b.popularity_7d_ago)
    end as change_percent_7d
from both_ends as b
inner join dim_movie as m on b.movie_id = m.movie_id
order by b.change_7d desc nulls last, b.popularity desc, b.movie_id asc
