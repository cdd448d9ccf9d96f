-- One row per ten minutes of runtime, identified by its lower bound (the last one is open from four hours), and one row
-- without a bound for films of unknown runtime.
select
    case when m.runtime_minutes is not null then least(m.runtime_minutes / 10 * 10, 240) end as at_least,
    count(*) as n_movies
from fact_movie_daily as f
inner join dim_movie as m on f.movie_id = m.movie_id
where f.date_id = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
group by 1
order by 1
