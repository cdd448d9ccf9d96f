-- The form of the day's answers: how often each key comes, in a sample, and which codes TMDb's own lists lack.
with answer as materialized (
    (
        select
            'raw_discover' as origin,
            d.payload
        from raw_discover as d
        where d.snapshot_date = :day and jsonb_typeof(d.payload) = 'object'
        order by d.movie_id
        limit 500
    )
    union all
    (
        select
            'raw_details' as origin,
            d.payload
        from raw_details as d
        where d.snapshot_date = :day and jsonb_typeof(d.payload) = 'object'
        order by d.movie_id
        limit 500
    )
),

answers as (
    select
        a.origin,
        count(*)::double precision as number
    from answer as a
    group by a.origin
),

keys as (
    select
        a.origin,
        k.key_name,
        count(*) as number,
        row_number() over (partition by a.origin order by count(*) desc, k.key_name) as place
    from answer as a
    cross join jsonb_object_keys(a.payload) as k (key_name)
    group by a.origin, k.key_name
),

codes as (
    select
        'country' as kind,
        c.iso_3166_1 as code
    from dim_country as c
    union all
    select
        'language' as kind,
        c.iso_639_1 as code
    from dim_language as c
    union all
    select
        'genre' as kind,
        c.genre_id::text as code
    from dim_genre as c
),

-- Of both the first 50: what a hostile answer could add is without end.
unlisted as (
    select c.kind || ' ' || c.code as subject
    from codes as c
    where
        exists (
            select 1 from raw_reference as r
            where r.kind = c.kind
        )
        and not exists (
            select 1 from raw_reference as r
            where r.kind = c.kind and r.code = c.code
        )
    order by c.kind asc, c.code asc
    limit 50
),

statuses as (
    select
        left(m.status, 100) as subject,
        count(*) as number
    from fact_movie_daily as f
    inner join dim_movie as m on f.movie_id = m.movie_id
    where f.date_id = :day and m.status is not null
    group by left(m.status, 100)
    order by count(*) desc, left(m.status, 100) asc
    limit 50
)

select
    'answers' as measure,
    n.origin as subject,
    n.number as figure
from answers as n
union all
select
    'key_share' as measure,
    k.origin || '.' || left(k.key_name, 100) as subject,
    max(k.number / n.number) as figure
from keys as k
inner join answers as n on k.origin = n.origin
where k.place <= 200 -- what a hostile answer could add
group by k.origin, left(k.key_name, 100)
union all
select
    'unlisted_code' as measure,
    u.subject,
    1 as figure
from unlisted as u
union all
select
    'status' as measure,
    s.subject,
    s.number as figure
from statuses as s
