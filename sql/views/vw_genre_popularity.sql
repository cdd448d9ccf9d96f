create or replace view vw_genre_popularity as
select
    g.genre_id,
    g.name,
    t.avg_popularity,
    t.total_votes,
    t.n_movies as nb_movies
from popularity_total as t
inner join dim_genre as g on t.code = g.genre_id::text
where t.kind = 'genre';

comment on view vw_genre_popularity is
'One row per genre with films on the newest loaded day. Excludes removed films.';
comment on column vw_genre_popularity.genre_id is 'TMDb''s id of the genre.';
comment on column vw_genre_popularity.name is 'Name, in TMDB_LANGUAGE.';
comment on column vw_genre_popularity.avg_popularity is 'Plain mean of the films'' popularity.';
comment on column vw_genre_popularity.total_votes is 'Sum of the films'' ratings.';
comment on column vw_genre_popularity.nb_movies is 'Number of films in the genre.';
