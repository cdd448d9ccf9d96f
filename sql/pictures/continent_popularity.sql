-- One row per continent of production, by its share of the popularity of the day's 200 most popular films: an order
-- that does not depend on how many films are loaded.
select
    continent,
    100 * top_200_share as top_200_percent,
    median_popularity,
    n_movies,
    total_votes
from vw_continent_popularity
order by top_200_share desc nulls last, n_movies desc, continent asc
