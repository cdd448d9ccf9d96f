-- One row per film, by release date: the 20 most popular films released between 30 days before the newest day and a
-- year after it.
with newest as (
    select max(s.date_id) as date_id from vw_load_status as s
),

nearest as (
    select
        m.movie_id,
        m.title,
        m.release_date,
        f.popularity
    from fact_movie_daily as f
    inner join dim_movie as m on f.movie_id = m.movie_id
    where
        f.date_id = (select n.date_id from newest as n)
        and m.removed_date is null
        and m.release_date between
        (select n.date_id - 30 from newest as n) and (select n.date_id + 365 from newest as n)
    order by f.popularity desc, m.movie_id asc
    limit 20
)

select
    release_date,
    movie_id,
    title,
    popularity
from nearest
order by release_date asc, popularity desc, movie_id asc
