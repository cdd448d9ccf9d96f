-- One row per keyword, the 20 whose films gained most popularity in 7 days, of keywords with three films or more.
-- The view's exact sums take seconds for all keywords, so they are made of those only that are among the 20 by a fast
-- sum, or so close to the last of them that the order of a sum could decide.
with film as materialized (
    select
        f.movie_id,
        f.popularity,
        w.popularity as popularity_7d_ago
    from fact_movie_daily as f
    inner join fact_movie_daily as w on f.movie_id = w.movie_id
    where
        f.date_id = (select max(s.date_id) from vw_load_status as s)
        and w.date_id = (select max(s.date_id) - 7 from vw_load_status as s)
        and not exists (
            select
            from dim_movie as m
            where m.movie_id = f.movie_id and m.removed_date is not null
        )
),

summed as materialized (
    select
        b.keyword_id,
        sum(f.popularity) / nullif(sum(f.popularity_7d_ago), 0) as growth
    from bridge_movie_keyword as b
    inner join film as f on b.movie_id = f.movie_id
    group by b.keyword_id
    having count(*) >= 3
),

-- Of fewer than 20, all.
bound as (
    select
        coalesce(
            (
                select 0.999999 * s.growth
                from summed as s
                where s.growth is not null
                order by s.growth desc
                limit 1 offset 19
            ),
            0
        ) as least_growth
),

riser as (
    select s.keyword_id
    from summed as s
    where s.growth >= (select b.least_growth from bound as b)
)

select
    v.keyword_id,
    v.name,
    v.n_movies,
    v.median_popularity,
    v.change_percent_7d
from vw_keyword_popularity as v
where
    v.n_movies_7d_ago >= 3
    and v.change_percent_7d > 0
    and v.keyword_id = any(array(select r.keyword_id from riser as r))
order by v.change_percent_7d desc, v.keyword_id asc
limit 20
