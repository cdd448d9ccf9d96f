-- Question: who drives popularity now?
-- How to read: one row per person of two films or more on the newest loaded day, the highest sum of popularity first,
-- 20 of them. `best_share` is the part that the best film has in the sum: near 1, one film carries the person.
select
    p.name,
    p.known_for_department,
    p.n_movies,
    round(p.popularity::numeric, 1) as popularity,
    round(p.median_popularity::numeric, 1) as median_popularity,
    p.best_title,
    round((l.popularity / p.popularity)::numeric, 2) as best_share
from vw_person_popularity as p
inner join vw_movie_latest as l on p.best_movie_id = l.movie_id
where p.n_movies >= 2 and p.popularity > 0
order by p.popularity desc, p.person_id asc
limit 20;
