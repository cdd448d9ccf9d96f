-- Question: what did films cost and earn, by decade of release?
-- How to read: one row per decade, from films with both amounts known (`films`, of `all_films`). Amounts are in
-- millions of US dollars at the time, not adjusted for inflation; `median_return` is the median of revenue divided by
-- budget, which a few blockbusters do not move, and `broke_even` the share that earned at least its budget. Some
-- amounts in TMDb were entered in millions, so those under 1000 dollars are excluded.
select
    extract(decade from m.release_date)::integer * 10 as decade,
    count(*) filter (where m.budget_usd >= 1000 and m.revenue_usd >= 1000) as films,
    count(*) as all_films,
    round((percentile_cont(0.5) within group (
        order by m.budget_usd
    ) filter (where m.budget_usd >= 1000 and m.revenue_usd >= 1000) / 1e6)::numeric, 1) as median_budget,
    round((percentile_cont(0.5) within group (
        order by m.revenue_usd
    ) filter (where m.budget_usd >= 1000 and m.revenue_usd >= 1000) / 1e6)::numeric, 1) as median_revenue,
    round((percentile_cont(0.5) within group (
        order by m.revenue_usd::double precision / m.budget_usd
    ) filter (where m.budget_usd >= 1000 and m.revenue_usd >= 1000))::numeric, 2) as median_return,
    round(avg((m.revenue_usd >= m.budget_usd)::integer) filter (
        where m.budget_usd >= 1000 and m.revenue_usd >= 1000
    ), 2) as broke_even
from dim_movie as m
where m.release_date is not null and m.removed_date is null
group by extract(decade from m.release_date)
order by decade asc;
