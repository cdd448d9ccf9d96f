-- Question: how complete is the data, and since when?
-- How to read: one row per attribute that can be missing: `n` of `total` films lack it, not counting removed films.
-- The last rows are about days: gaps between the first and the newest loaded day, days loaded only from exports
-- (they have no votes), and rows rejected over all days because they broke a rule.
with films as (
    select
        m.*,
        m.movie_id in (select b.movie_id from bridge_movie_genre as b) as has_genre,
        m.movie_id in (select b.movie_id from bridge_movie_country as b) as has_country
    from dim_movie as m
    where m.removed_date is null
),

films_counted as (
    select
        count(*) as total,
        array[
            count(*) filter (where f.release_date is null),
            count(*) filter (where f.runtime_minutes is null),
            count(*) filter (where f.budget_usd is null),
            count(*) filter (where f.revenue_usd is null),
            count(*) filter (where f.details_date is null),
            count(*) filter (where not f.has_genre),
            count(*) filter (where not f.has_country)
        ] as counts
    from films as f
),

days_counted as (
    select
        max(s.date_id) - min(s.date_id) + 1 as total,
        max(s.date_id) - min(s.date_id) + 1 - count(*) as not_loaded,
        count(*) as loaded,
        count(*) filter (where s.discover_share = 0) as from_export,
        sum(s.n_rejected_rows)::bigint as set_aside
    from vw_load_status as s
),

names (place, what) as (
    values
    (1, 'films without a release date'),
    (2, 'films without a runtime'),
    (3, 'films without a budget'),
    (4, 'films without a revenue'),
    (5, 'films never seen in details'),
    (6, 'films without a genre'),
    (7, 'films without a production country')
),

lines (place, what, n, total) as (
    select
        w.place,
        w.what,
        c.counts[w.place],
        c.total
    from films_counted as c
    cross join names as w
    union all
    select
        8,
        'days that were not loaded',
        d.not_loaded,
        d.total
    from days_counted as d
    union all
    select
        9,
        'days loaded only from exports',
        d.from_export,
        d.loaded
    from days_counted as d
    union all
    select
        10,
        'rows rejected',
        d.set_aside,
        null
    from days_counted as d
)

select
    l.what,
    l.n,
    l.total,
    round(l.n::numeric / nullif(l.total, 0), 3) as missing_share
from lines as l
order by l.place asc;
