-- Question: which films (co-)produced by a country are most popular now?
-- How to read: one row per film on the newest loaded day, most popular first. `partners` counts the other producing
-- countries, so 0 is a purely national film. Replace FR with another ISO 3166-1 code.
with chosen as (
    select 'FR' as iso_3166_1
)

select
    row_number() over (order by l.popularity desc, l.movie_id asc) as place,
    l.title,
    l.release_date,
    l.popularity,
    l.vote_average,
    l.vote_count,
    (
        select count(*) - 1
        from bridge_movie_country as o
        where o.movie_id = l.movie_id
    ) as partners
from chosen as c
inner join bridge_movie_country as b on c.iso_3166_1 = b.iso_3166_1
inner join vw_movie_latest as l on b.movie_id = l.movie_id
inner join dim_movie as m on l.movie_id = m.movie_id
where
    l.snapshot_date = (select max(s.date_id) from vw_load_status as s)
    and m.removed_date is null
order by place asc
limit 20;
