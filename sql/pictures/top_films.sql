-- One row per rank, 1 to 20.
select
    rank,
    movie_id,
    title,
    release_date,
    popularity,
    vote_average,
    vote_count,
    snapshot_date,
    votes_date
from vw_top_movies
order by rank
limit 20
