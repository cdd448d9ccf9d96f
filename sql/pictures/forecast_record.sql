-- One row per film and day that came, without an origin_date, and one per film, origin and day that was forecast: the 6
-- most popular films with a forecast of the newest day, the forecasts of the 7 days before it and its own.
with newest as (
    select max(s.date_id) as newest_day
    from vw_load_status as s
),

film as (
    select
        t.movie_id,
        t.title,
        t.rank
    from vw_top_movies as t
    where
        exists (
            select 1
            from forecast_movie_daily as f
            where
                f.origin_date = (select n.newest_day from newest as n)
                and f.horizon = 1
                and f.movie_id = t.movie_id
        )
    order by t.rank
    limit 6
),

-- Each origin and day is looked up by film, so that no other row is read.
figure as (
    select
        t.movie_id,
        p.date_id,
        null as origin_date,
        p.popularity
    from film as t
    cross join newest as n
    cross join generate_series(0, 14) as ago
    inner join fact_movie_daily as p
        on p.date_id = n.newest_day - ago and t.movie_id = p.movie_id
    union all
    select
        t.movie_id,
        p.origin_date + p.horizon as date_id,
        p.origin_date,
        p.popularity
    from film as t
    cross join newest as n
    cross join generate_series(0, 7) as ago
    cross join generate_series(1, 7) as ahead
    inner join forecast_movie_daily as p
        on p.origin_date = n.newest_day - ago and p.horizon = ahead and t.movie_id = p.movie_id
)

select
    f.date_id,
    f.origin_date,
    t.movie_id,
    t.title,
    f.popularity
from figure as f
inner join film as t on f.movie_id = t.movie_id
order by t.rank asc, f.origin_date asc nulls first, f.date_id asc
