create or replace view vw_genre_popularity as
with newest_films as (
    select
        l.movie_id,
        l.popularity,
        l.vote_count
    from movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and m.removed_date is null
)

select
    g.genre_id,
    g.name,
    avg(f.popularity) as avg_popularity,
    coalesce(sum(f.vote_count), 0)::bigint as total_votes,
    count(*) as nb_movies
from newest_films as f
inner join bridge_movie_genre as b on f.movie_id = b.movie_id
inner join dim_genre as g on b.genre_id = g.genre_id
group by g.genre_id, g.name;

comment on view vw_genre_popularity is
'One row per genre with films on the newest loaded day. Removed films are left out.';
comment on column vw_genre_popularity.genre_id is 'TMDb''s id of the genre.';
comment on column vw_genre_popularity.name is 'Name, in TMDB_LANGUAGE.';
comment on column vw_genre_popularity.avg_popularity is 'Plain mean of the films'' popularity.';
comment on column vw_genre_popularity.total_votes is 'Sum of the films'' ratings.';
comment on column vw_genre_popularity.nb_movies is 'Number of films of the genre.';
