-- One row: totals over the films of the newest loaded day.
select
    count(*) as n_movies,
    avg(l.vote_average) as avg_vote,
    coalesce(sum(l.vote_count), 0)::bigint as total_votes,
    round(avg(l.popularity::numeric), 100)::double precision as avg_popularity
from vw_movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id
where l.snapshot_date = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
