-- Question: which films rose or fell most within a week?
-- How to read: the 10 biggest rises, then the 10 biggest falls, against 7 days before the newest loaded day.
-- `change_percent` is relative to the earlier popularity (rising_in_percent.sql ranks by it). Films without a figure
-- for that day are excluded: they did not move, they are new.
with moved as (
    select
        t.movie_id,
        t.title,
        t.popularity,
        t.popularity_7d_ago,
        t.change_7d,
        t.change_percent_7d,
        row_number() over (order by t.change_7d desc, t.movie_id asc) as rise,
        row_number() over (order by t.change_7d asc, t.movie_id asc) as fall
    from vw_trending_movies as t
    where t.change_7d <> 0
)

select
    case when m.change_7d > 0 then 'rise' else 'fall' end as direction,
    m.title,
    round(m.popularity_7d_ago::numeric, 1) as popularity_7d_ago,
    round(m.popularity::numeric, 1) as popularity_now,
    round(m.change_7d::numeric, 1) as change_7d,
    round(m.change_percent_7d::numeric, 1) as change_percent
from moved as m
where (m.rise <= 10 and m.change_7d > 0) or (m.fall <= 10 and m.change_7d < 0)
order by direction desc, abs(m.change_7d) desc, m.movie_id asc;
