-- Question: which films entered the data, and which left it, between the two newest loaded days?
-- How to read: one row per film that is on only one of the two days. `gained` films are only on the newer day, `lost`
-- films only on the older; `removed_date` marks those that TMDb deleted; the others fell below the requested pages.
with days as (
    select
        max(s.date_id) as newer,
        (array_agg(s.date_id order by s.date_id desc))[2] as older
    from vw_load_status as s
),

newer as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where f.date_id = (select d.newer from days as d)
),

older as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where f.date_id = (select d.older from days as d)
)

select
    case when o.movie_id is null then 'gained' else 'lost' end as what,
    m.movie_id,
    m.title,
    coalesce(n.popularity, o.popularity) as popularity,
    m.removed_date
from newer as n
full join older as o on n.movie_id = o.movie_id
inner join dim_movie as m on coalesce(n.movie_id, o.movie_id) = m.movie_id
where n.movie_id is null or o.movie_id is null
order by what asc, popularity desc, m.movie_id asc;
