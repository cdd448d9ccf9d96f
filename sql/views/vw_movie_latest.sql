create or replace view vw_movie_latest as
select
    m.movie_id,
    m.title,
    m.release_date,
    l.popularity,
    l.vote_average,
    l.vote_count,
    l.snapshot_date,
    l.votes_date
from movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id;

comment on view vw_movie_latest is
'One row per film: its last known popularity and votes. votes_date is the date of the votes.';
comment on column vw_movie_latest.movie_id is 'TMDb''s id of the film.';
comment on column vw_movie_latest.title is 'Title in TMDB_LANGUAGE.';
comment on column vw_movie_latest.release_date is 'First release; NULL where unknown.';
comment on column vw_movie_latest.popularity is 'TMDb''s popularity score on snapshot_date, without unit.';
comment on column vw_movie_latest.vote_average is 'Last known mean user rating, 0 to 10; NULL without votes.';
comment on column vw_movie_latest.vote_count is 'Last known number of user ratings.';
comment on column vw_movie_latest.snapshot_date is 'UTC date of the film''s newest fact.';
comment on column vw_movie_latest.votes_date is 'UTC date of the last known votes.';
