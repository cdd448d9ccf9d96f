-- One row per continent, most popular first.
select
    continent,
    avg_popularity,
    n_movies,
    total_votes
from vw_continent_popularity
order by avg_popularity desc
