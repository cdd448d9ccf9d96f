-- Question: which films are expected to rise within a week?
-- How to read: one row per film whose popularity is forecast to be higher in seven days, with the rise in percent, the
-- strongest first, 20 of them. Empty where the forecast is the last value.
select
    m.title,
    v.popularity,
    round(f.popularity::numeric, 1) as popularity_in_7_days,
    round((100 * (f.popularity / nullif(v.popularity, 0) - 1))::numeric, 1) as rise_percent
from forecast_movie_daily as f
inner join vw_movie_latest as v on f.movie_id = v.movie_id and f.origin_date = v.snapshot_date
inner join dim_movie as m on f.movie_id = m.movie_id
where
    f.origin_date = (select max(x.origin_date) from forecast_movie_daily as x)
    and f.horizon = 7
    and f.popularity > v.popularity
    and m.removed_date is null
order by f.popularity / nullif(v.popularity, 0) desc nulls last, f.movie_id asc
limit 20;
