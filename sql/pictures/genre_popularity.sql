-- One row per genre, most popular first.
select
    genre_id,
    name,
    avg_popularity,
    total_votes,
    nb_movies
from vw_genre_popularity
order by avg_popularity desc
