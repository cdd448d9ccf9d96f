-- Question: which directors make the best rated films?
-- How to read: one row per director of three films or more with votes, by rating. `rating` counts 1,000 more votes at
-- the mean rating of all films, so that few votes do not reach the top; `votes_weighted_rating` does without them.
select
    d.rank,
    d.name,
    d.n_movies,
    d.total_votes,
    round(d.votes_weighted_rating::numeric, 2) as votes_weighted_rating,
    round(d.rating::numeric, 2) as rating
from vw_director_ranking as d
where d.rank <= 20
order by d.rank asc;
