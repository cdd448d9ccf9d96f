-- Question: which original languages attract interest?
-- How to read: one row per original language on the newest loaded day. `film_share` is its share of the films,
-- `popularity_share` its share of all popularity: where the second is larger, its films attract more interest than
-- average. Films of unknown language count in the row named unknown.
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
