-- Question: which genres are the most popular, however many films are loaded?
-- How to read: one row per genre, by its share of the popularity of the day's 200 most popular films. A film counts in
-- each of its genres, so the shares add up to more than 100. The other measures are those of all loaded films and
-- change with their number; votes are of `votes_since` or later. `plain_rating` counts each film once,
-- `rating_by_votes` each vote once. For continents of production, read vw_continent_popularity instead.
select
    g.name as genre_name,
    round(100 * g.top_200_share::numeric, 1) as top_200_percent,
    round(100 * g.popularity_share::numeric, 1) as popularity_percent,
    round(g.median_popularity::numeric, 1) as median_popularity,
    g.nb_movies as films,
    g.n_movies_with_votes as films_with_votes,
    g.oldest_votes_date as votes_since,
    round(g.avg_rating::numeric, 2) as plain_rating,
    round(g.votes_weighted_rating::numeric, 2) as rating_by_votes
from vw_genre_popularity as g
order by g.top_200_share desc nulls last, g.genre_id asc;
