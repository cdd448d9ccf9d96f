-- One row per genre, by its share of the popularity of the day's 200 most popular films: an order that does not depend
-- on how many films are loaded.
select
    genre_id,
    name,
    100 * top_200_share as top_200_percent,
    median_popularity,
    total_votes,
    nb_movies
from vw_genre_popularity
order by top_200_share desc nulls last, nb_movies desc, genre_id asc
