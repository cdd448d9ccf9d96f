-- Question: which highly rated films get little attention?
-- How to read: one row per film of the newest loaded day with at least 100 ratings, a mean of 7.5 or more, and a
-- popularity below that day's median. `weighted_rating` pulls the mean towards that of all films with the weight of
-- 100 ratings, so that a few votes do not win.
with newest as (
    select
        l.movie_id,
        l.title,
        l.release_date,
        l.popularity,
        l.vote_average,
        l.vote_count
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = (select max(s.date_id) from vw_load_status as s)
        and m.removed_date is null
),

whole as (
    select
        percentile_cont(0.5) within group (order by n.popularity) as median_popularity,
        avg(n.vote_average) as mean_rating
    from newest as n
)

select
    n.title,
    n.release_date,
    n.popularity,
    n.vote_average,
    n.vote_count,
    round(
        ((n.vote_average * n.vote_count + w.mean_rating * 100) / (n.vote_count + 100))::numeric, 2
    ) as weighted_rating
from newest as n
cross join whole as w
where n.vote_count >= 100 and n.vote_average >= 7.5 and n.popularity < w.median_popularity
order by weighted_rating desc, n.movie_id asc
limit 20;
