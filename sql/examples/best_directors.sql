-- Question: which directors make the best rated films?
-- How to read: one row per director of three films or more with votes, best first. `weighted_rating` counts 1,000 more
-- votes at the votes-weighted mean of all films, so that few votes do not reach the top; the other column does not.
select
    d.rank,
    d.name,
    d.n_movies,
    d.total_votes,
    round(d.votes_weighted_rating::numeric, 2) as votes_weighted_rating,
    round(d.weighted_rating::numeric, 2) as weighted_rating
from vw_director_ranking as d
where d.rank <= 20
order by d.rank asc;
