-- One row per country of production, most films first, at most 20. A film counts in each of its countries; films of
-- unknown country share one row.
with films as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    inner join dim_movie as m on f.movie_id = m.movie_id
    where f.date_id = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
)

select
    g.iso_3166_1,
    c.name,
    g.n_movies,
    g.n_movies::double precision / (select count(*) from films) as film_share,
    g.median_popularity
from (
    select
        b.iso_3166_1,
        count(*) as n_movies,
        percentile_cont(0.5) within group (order by f.popularity) as median_popularity
    from films as f
    left join bridge_movie_country as b on f.movie_id = b.movie_id
    group by b.iso_3166_1
) as g
left join dim_country as c on g.iso_3166_1 = c.iso_3166_1
order by g.n_movies desc, g.median_popularity desc, g.iso_3166_1 asc
limit 20
