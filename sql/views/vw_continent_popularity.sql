create or replace view vw_continent_popularity as
select
    t.code as continent,
    t.avg_popularity,
    t.n_movies,
    t.total_votes
from popularity_total as t
where t.kind = 'continent';

comment on view vw_continent_popularity is
'One row per continent with films on the newest loaded day. A film counts once per continent, '
'however many of its countries it spans. Excludes removed films.';
comment on column vw_continent_popularity.continent is 'One of seven continents.';
comment on column vw_continent_popularity.avg_popularity is 'Plain mean of the films'' popularity.';
comment on column vw_continent_popularity.n_movies is 'Number of films.';
comment on column vw_continent_popularity.total_votes is 'Sum of the films'' ratings.';
