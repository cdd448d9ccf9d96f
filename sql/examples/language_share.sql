-- Question: which original languages do the films have that people look at?
-- How to read: one row per original language of the newest loaded day. `film_share` is its part of the films,
-- `popularity_share` its part of all popularity: where the second is larger, its films draw more interest than the
-- average. A film without a known language counts in the row named unknown.
with newest as (
    select
        coalesce(n.name, m.original_language, 'unknown') as original_language,
        l.popularity
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    left join dim_language as n on m.original_language = n.iso_639_1
    where
        l.snapshot_date = (select max(s.date_id) from vw_load_status as s)
        and m.removed_date is null
)

select
    n.original_language,
    count(*) as films,
    round(count(*) / sum(count(*)) over (), 3) as film_share,
    round((sum(n.popularity) / sum(sum(n.popularity)) over ())::numeric, 3) as popularity_share
from newest as n
group by n.original_language
order by films desc, n.original_language asc;
