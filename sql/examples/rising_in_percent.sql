-- Question: which films rose most for their size within a week?
-- How to read: one row per film, the largest rise in percent first, 20 of them. Films that were less popular than 5 a
-- week ago have no rank: a percentage of a small figure says little. For rises in points, see biggest_movers.sql.
select
    t.rank_by_percent as place,
    t.title,
    round(t.popularity_7d_ago::numeric, 1) as popularity_7d_ago,
    round(t.popularity::numeric, 1) as popularity_now,
    round(t.change_percent_7d::numeric, 1) as change_percent
from vw_trending_movies as t
where t.rank_by_percent <= 20 and t.change_percent_7d > 0
order by t.rank_by_percent asc;
