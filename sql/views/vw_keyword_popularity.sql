create or replace view vw_keyword_popularity as
-- Not from vw_trending_movies, which ranks all films: a condition on keyword_id reads the films of these keywords only.
with counted as (
    select
        b.keyword_id,
        count(*) as n_movies,
        avg(l.popularity::numeric)::double precision as avg_popularity,
        percentile_cont(0.5) within group (order by l.popularity) as median_popularity,
        count(w.popularity) as n_movies_7d_ago,
        sum(l.popularity::numeric) filter (where w.popularity is not null) as popularity_now,
        sum(w.popularity::numeric) as popularity_7d_ago,
        max(l.snapshot_date) as snapshot_date
    from bridge_movie_keyword as b
    inner join movie_latest as l on b.movie_id = l.movie_id
    inner join dim_movie as m on b.movie_id = m.movie_id
    left join fact_movie_daily as w
        on b.movie_id = w.movie_id and w.date_id = (select max(d.date_id) - 7 from load_day as d)
    where l.snapshot_date = (select max(d.date_id) from load_day as d) and m.removed_date is null
    group by b.keyword_id
)

select
    c.keyword_id,
    k.name,
    c.n_movies,
    c.avg_popularity,
    c.median_popularity,
    c.n_movies_7d_ago,
    (100 * (c.popularity_now - c.popularity_7d_ago) / nullif(c.popularity_7d_ago, 0))::double precision
        as change_percent_7d,
    c.snapshot_date
from counted as c
inner join dim_keyword as k on c.keyword_id = k.keyword_id;

comment on view vw_keyword_popularity is
'One row per keyword with films on the newest loaded day. Excludes removed films.';
comment on column vw_keyword_popularity.keyword_id is 'TMDb''s id of the keyword.';
comment on column vw_keyword_popularity.name is 'The keyword, in English.';
comment on column vw_keyword_popularity.n_movies is 'Number of films with the keyword.';
comment on column vw_keyword_popularity.avg_popularity is 'Plain mean of the films'' popularity.';
comment on column vw_keyword_popularity.median_popularity is 'Median of the films'' popularity.';
comment on column vw_keyword_popularity.n_movies_7d_ago is
'Number of those films that have a fact 7 days before too; the change is theirs.';
comment on column vw_keyword_popularity.change_percent_7d is
'Percent by which the summed popularity of these films changed in 7 days; NULL without such films.';
comment on column vw_keyword_popularity.snapshot_date is 'The newest loaded day (UTC).';
