-- One row: totals over the films of the newest loaded day. Popularity is that of its 200 most popular films, so that it
-- does not depend on how many films are loaded.
select
    count(*) as n_movies,
    avg(l.vote_average) as avg_vote,
    (
        sum(l.vote_average::numeric * l.vote_count)
        / nullif(sum(l.vote_count) filter (where l.vote_average is not null), 0)
    )::double precision as votes_weighted_vote,
    coalesce(sum(l.vote_count), 0)::bigint as total_votes,
    (select percentile_cont(0.5) within group (order by t.popularity) from vw_top_movies as t) as top_200_median
from vw_movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id
where l.snapshot_date = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
