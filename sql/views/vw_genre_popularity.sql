create or replace view vw_genre_popularity as
select
    g.genre_id,
    g.name,
    t.avg_popularity,
    t.total_votes,
    t.n_movies as nb_movies,
    t.median_popularity,
    t.popularity_share,
    t.top_200_share,
    t.n_movies_with_votes,
    t.oldest_votes_date,
    t.avg_rating,
    t.votes_weighted_rating
from popularity_total as t
inner join dim_genre as g on t.code = g.genre_id::text
where t.kind = 'genre';

comment on view vw_genre_popularity is
'One row per genre with films on the newest loaded day. A film counts wholly in each of its genres. '
'Excludes removed films. To rank genres, use top_200_share: '
'the other measures change with the number of films that are loaded.';
comment on column vw_genre_popularity.genre_id is 'TMDb''s id of the genre.';
comment on column vw_genre_popularity.name is 'Name, in TMDB_LANGUAGE.';
comment on column vw_genre_popularity.avg_popularity is
'Plain mean of the films'' popularity. It falls when more films are loaded, in some genres more than in others.';
comment on column vw_genre_popularity.total_votes is 'Sum of the films'' last known votes.';
comment on column vw_genre_popularity.nb_movies is 'Number of films in the genre.';
comment on column vw_genre_popularity.median_popularity is
'Median of the films'' popularity. It falls too when more films are loaded, but no single film moves it.';
comment on column vw_genre_popularity.popularity_share is
'The genre''s films'' part of the summed popularity of all films of the day, 0 to 1: sum(popularity of its films) / '
'sum(popularity). The shares of all genres add up to more than 1. NULL if all popularity is 0.';
comment on column vw_genre_popularity.top_200_share is
'popularity_share among the day''s 200 most popular films only (vw_top_movies): the same however many more films are '
'loaded. 0 for a genre without such a film.';
comment on column vw_genre_popularity.n_movies_with_votes is 'Number of films with at least one vote.';
comment on column vw_genre_popularity.oldest_votes_date is
'The oldest votes_date of the films (UTC): votes and ratings are of this day or later. NULL where no votes are known.';
comment on column vw_genre_popularity.avg_rating is
'Plain mean of the ratings of films with votes, 0 to 10: a film with 1 vote counts as much as one with 10,000.';
comment on column vw_genre_popularity.votes_weighted_rating is
'Mean of the ratings, each with the weight of its votes: sum(rating * votes) / sum(votes), 0 to 10.';
