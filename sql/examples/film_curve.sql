-- Question: how did one film do over time?
-- How to read: one row per calendar day from its first to its last figure; a day that was not loaded is a row of
-- NULLs, so that gaps are visible. `mean_7d` is the mean of the loaded days among the last seven, `new_votes` the
-- ratings since the last known count (days from exports have none). Replace 550 with another TMDb id.
with chosen as (
    select 550 as movie_id
),

span as (
    select
        c.movie_id,
        min(f.date_id) as first_day,
        max(f.date_id) as last_day
    from chosen as c
    inner join fact_movie_daily as f on c.movie_id = f.movie_id
    group by c.movie_id
)

select
    d.date_id,
    f.popularity,
    round((avg(f.popularity) over (order by d.date_id asc rows 6 preceding))::numeric, 2) as mean_7d,
    f.vote_average,
    f.vote_count,
    f.vote_count - max(f.vote_count) over (
        order by d.date_id asc rows between unbounded preceding and 1 preceding
    ) as new_votes,
    f.source
from span as s
inner join dim_date as d on s.first_day <= d.date_id and s.last_day >= d.date_id
left join fact_movie_daily as f on d.date_id = f.date_id and s.movie_id = f.movie_id
order by d.date_id asc;
