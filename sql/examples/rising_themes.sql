-- Question: which themes rise?
-- How to read: one row per keyword of two films or more that have figures of both days, the strongest rise of their
-- summed popularity within 7 days first, 20 of them.
select
    k.name,
    k.n_movies,
    round(k.median_popularity::numeric, 1) as median_popularity,
    round(k.change_percent_7d::numeric, 1) as change_percent_7d
from vw_keyword_popularity as k
where k.n_movies_7d_ago >= 2 and k.change_percent_7d is not null
order by k.change_percent_7d desc, k.keyword_id asc
limit 20;
