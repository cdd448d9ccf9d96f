-- One row per film with known budget and revenue: the 300 most popular on the newest day.
select
    m.movie_id,
    m.title,
    m.release_date,
    m.budget_usd,
    m.revenue_usd,
    f.popularity
from fact_movie_daily as f
inner join dim_movie as m on f.movie_id = m.movie_id
where
    f.date_id = (select max(s.date_id) from vw_load_status as s)
    and m.removed_date is null
    and m.budget_usd is not null
    and m.revenue_usd is not null
order by f.popularity desc, m.movie_id asc
limit 300
