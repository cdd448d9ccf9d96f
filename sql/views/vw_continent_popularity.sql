create or replace view vw_continent_popularity as
select
    t.code as continent,
    t.avg_popularity,
    t.n_movies,
    t.total_votes,
    t.median_popularity,
    t.popularity_share,
    t.top_200_share,
    t.n_movies_with_votes,
    t.oldest_votes_date,
    t.avg_rating,
    t.votes_weighted_rating
from popularity_total as t
where t.kind = 'continent';

comment on view vw_continent_popularity is
'One row per continent of production with films on the newest loaded day. A film counts once per continent, '
'however many of its production countries are on it, and wholly in each of its continents. Excludes removed films. '
'To rank continents, use top_200_share: the other measures change with the number of films that are loaded.';
comment on column vw_continent_popularity.continent is
'Continent of production, one of seven: where the films'' production countries are, not where they are seen.';
comment on column vw_continent_popularity.avg_popularity is
'Plain mean of the films'' popularity. It falls when more films are loaded, on some continents more than on others.';
comment on column vw_continent_popularity.n_movies is 'Number of films produced there.';
comment on column vw_continent_popularity.total_votes is 'Sum of the films'' last known votes.';
comment on column vw_continent_popularity.median_popularity is
'Median of the films'' popularity. It falls too when more films are loaded, but no single film moves it.';
comment on column vw_continent_popularity.popularity_share is
'The continent''s films'' part of the summed popularity of all films of the day, 0 to 1: '
'sum(popularity of its films) / sum(popularity). The shares of all continents may add up to more than 1. '
'NULL if all popularity is 0.';
comment on column vw_continent_popularity.top_200_share is
'popularity_share among the day''s 200 most popular films only (vw_top_movies): the same however many more films are '
'loaded. 0 for a continent without such a film.';
comment on column vw_continent_popularity.n_movies_with_votes is 'Number of films with at least one vote.';
comment on column vw_continent_popularity.oldest_votes_date is
'The oldest votes_date of the films (UTC): votes and ratings are of this day or later. NULL where no votes are known.';
comment on column vw_continent_popularity.avg_rating is
'Plain mean of the ratings of films with votes, 0 to 10: a film with 1 vote counts as much as one with 10,000.';
comment on column vw_continent_popularity.votes_weighted_rating is
'Mean of the ratings, each with the weight of its votes: sum(rating * votes) / sum(votes), 0 to 10.';
