create or replace view vw_top_movies as
select
    t.rank,
    t.movie_id,
    m.title,
    m.release_date,
    l.popularity,
    l.vote_average,
    l.vote_count,
    l.snapshot_date,
    l.votes_date
from top_movie as t
inner join movie_latest as l on t.movie_id = l.movie_id
inner join dim_movie as m on t.movie_id = m.movie_id
order by t.rank asc;

comment on view vw_top_movies is
'One row per rank, 1 to 200, on the newest loaded day: by popularity, then mean rating, votes and id. '
'Excludes removed films.';
comment on column vw_top_movies.rank is 'Rank, from 1.';
comment on column vw_top_movies.movie_id is 'TMDb''s id of the film.';
comment on column vw_top_movies.title is 'Title in TMDB_LANGUAGE.';
comment on column vw_top_movies.release_date is 'First release; NULL where unknown.';
comment on column vw_top_movies.popularity is 'TMDb''s popularity score on snapshot_date, without unit.';
comment on column vw_top_movies.vote_average is 'Last known mean user rating, 0 to 10; NULL without votes.';
comment on column vw_top_movies.vote_count is 'Last known number of user ratings.';
comment on column vw_top_movies.snapshot_date is 'The newest loaded day (UTC).';
comment on column vw_top_movies.votes_date is 'UTC date of the last known votes.';
