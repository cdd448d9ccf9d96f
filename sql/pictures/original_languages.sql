-- One row per original language, most films first, at most 20; films of unknown language share one row.
select
    c.iso_639_1,
    l.name,
    c.n_movies,
    c.film_share,
    c.median_popularity
from (
    select
        m.original_language as iso_639_1,
        count(*) as n_movies,
        count(*)::double precision / sum(count(*)) over () as film_share,
        percentile_cont(0.5) within group (order by f.popularity) as median_popularity
    from fact_movie_daily as f
    inner join dim_movie as m on f.movie_id = m.movie_id
    where f.date_id = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
    group by m.original_language
) as c
left join dim_language as l on c.iso_639_1 = l.iso_639_1
order by c.n_movies desc, c.median_popularity desc, c.iso_639_1 asc
limit 20
