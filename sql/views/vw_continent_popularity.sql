create or replace view vw_continent_popularity as
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
),

film_continents as (
    select distinct
        b.movie_id,
        c.continent
    from bridge_movie_country as b
    inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
    where c.continent is not null
)

select
    fc.continent,
    avg(f.popularity) as avg_popularity,
    count(*) as n_movies,
    coalesce(sum(f.vote_count), 0)::bigint as total_votes
from newest_films as f
inner join film_continents as fc on f.movie_id = fc.movie_id
group by fc.continent;

comment on view vw_continent_popularity is
'One row per continent with films on the newest loaded day. A film counts once a continent, '
'however many of its countries it spans. Removed films are left out.';
comment on column vw_continent_popularity.continent is 'One of seven continents.';
comment on column vw_continent_popularity.avg_popularity is 'Plain mean of the films'' popularity.';
comment on column vw_continent_popularity.n_movies is 'Number of films.';
comment on column vw_continent_popularity.total_votes is 'Sum of the films'' ratings.';
