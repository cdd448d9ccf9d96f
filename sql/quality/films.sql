-- The day's films: popularity, what changed since the loaded day before, and what is odd.
with today as materialized (
    select
        f.movie_id,
        f.popularity,
        f.vote_count,
        f.source
    from fact_movie_daily as f
    where f.date_id = :day
),

earlier as materialized (
    select
        f.date_id,
        f.movie_id,
        f.popularity,
        f.vote_count
    from fact_movie_daily as f
    where f.date_id = (
        select max(d.date_id)
        from load_day as d
        where
            d.date_id < :day and d.date_id >= :day - 14
            and (d.discover_count > 0 or not exists (
                select 1 from today as t
                where t.source = 'discover'
            ))
    )
),

levels as (
    select
        t.source,
        percentile_cont(array[0.1, 0.5, 0.9, 0.99, 1.0]) within group (order by t.popularity) as figures
    from today as t
    group by t.source
),

changed as (
    select
        count(*) filter (where t.popularity > 0 and e.popularity > 0) as films,
        percentile_cont(0.5) within group (order by ln(t.popularity) - ln(e.popularity))
        filter (where t.popularity > 0 and e.popularity > 0) as median_log,
        -- In one order, because sums of doubles depend on it: same input, same figure.
        corr(
            case when t.popularity > 0 then ln(t.popularity) end,
            case when e.popularity > 0 then ln(e.popularity) end
            order by t.movie_id
        ) as log_correlation,
        count(*) filter (where t.vote_count is not null and e.vote_count is not null) as films_with_votes,
        -- A film or two in a hundred lose one vote between two days, where TMDb removes a rating.
        count(*) filter (
            where e.vote_count - t.vote_count > greatest(1, 0.001 * e.vote_count)
        ) as fallen,
        :day - min(e.date_id) as day_count
    from today as t
    inner join earlier as e on t.movie_id = e.movie_id
),

-- The popularity of films that hardly anybody looks at may rightly stay.
most_popular as (
    select
        t.movie_id,
        t.popularity
    from today as t
    order by t.popularity desc, t.movie_id asc
    limit 1000
),

moving as (
    select
        count(*) as number,
        count(*) filter (where t.popularity <> e.popularity) as moved_films
    from most_popular as t
    inner join earlier as e on t.movie_id = e.movie_id
),

known as (
    select
        t.movie_id,
        t.source,
        m.budget_usd,
        m.revenue_usd,
        m.release_date is not null
        and count(*) over (partition by lower(m.title), m.release_date) > 1 as is_double
    from today as t
    inner join dim_movie as m on t.movie_id = m.movie_id
    where m.removed_date is null
),

counted as (
    select
        count(*) as films,
        count(*) filter (where k.is_double) as double_films,
        count(k.budget_usd) + count(k.revenue_usd) as amounts,
        count(*) filter (where k.budget_usd < 1000 or k.budget_usd > 1000000000)
        + count(*) filter (where k.revenue_usd < 1000 or k.revenue_usd > 5000000000) as odd_amounts
    from known as k
),

exported as (
    select
        count(*) as films,
        count(*) - count(r.movie_id) as missing
    from today as t
    left join raw_export as r on t.movie_id = r.movie_id and r.snapshot_date = :day
    where
        t.source = 'discover'
        and exists (
            select 1
            from fetch_log as l
            where l.snapshot_date = :day and l.kind = 'export' and l.finished_at is not null
        )
)

select
    'popularity' as measure,
    l.source || ' ' || v.quantile as subject,
    v.figure
from levels as l
cross join unnest(array['p10', 'p50', 'p90', 'p99', 'max'], l.figures) as v (quantile, figure)
union all
select
    v.measure,
    v.subject,
    v.figure
from changed as c
cross join moving as p
cross join counted as n
cross join exported as x
cross join
    lateral (
        values
        ('change', 'films', c.films),
        ('change', 'median ratio', exp(c.median_log)),
        ('change', 'correlation', c.log_correlation),
        ('change', 'days', c.day_count),
        ('change', 'popular', p.number),
        ('change', 'moved', p.moved_films),
        ('votes', 'films', c.films_with_votes),
        ('votes', 'fallen', c.fallen),
        ('duplicates', 'films', n.films),
        ('duplicates', 'double', n.double_films),
        ('money', 'amounts', n.amounts),
        ('money', 'implausible', n.odd_amounts),
        ('export', 'films', x.films),
        ('export', 'missing', x.missing)
    ) as v (measure, subject, figure)
union all
-- The days of the past 30 that lie between loaded ones and are not loaded.
select
    'missing_day' as measure,
    d.date_id::text as subject,
    (:day - d.date_id)::double precision as figure
from dim_date as d
where
    d.date_id < :day and d.date_id >= :day - 30
    and d.date_id > (select min(o.date_id) from load_day as o)
    and not exists (
        select 1 from load_day as o
        where o.date_id = d.date_id
    )
