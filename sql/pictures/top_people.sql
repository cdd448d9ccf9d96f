-- One row per person, the 20 with the highest sum of popularity among those of two films or more on the newest day.
select
    person_id,
    name,
    n_movies,
    popularity,
    median_popularity,
    best_title
from vw_person_popularity
where n_movies >= 2
order by popularity desc, person_id asc
limit 20
