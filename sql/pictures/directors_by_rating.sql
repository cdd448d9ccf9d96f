-- One row per rank, 1 to 20.
select
    rank,
    person_id,
    name,
    n_movies,
    total_votes,
    weighted_rating,
    votes_weighted_rating
from vw_director_ranking
where rank <= 20
order by rank
