-- One row per genre and sampled day: the genre's share of that day's 200 most popular films. At most 10 days before
-- the newest one are read: the newest loaded day of each of 10 equal intervals (three weeks each for half a year).
-- The most popular films are the same whatever else a day contains, so days from discover and days from the export
-- are comparable. Films of unknown genre and removed films are excluded.
with span as (
    select
        max(s.date_id) as newest,
        least(:days, max(s.date_id) - min(s.date_id)) as reach
    from vw_load_status as s
),

-- Read once, not for each sampled day.
removed as materialized (
    select m.movie_id
    from dim_movie as m
    where m.removed_date is not null
),

sampled as (
    select max(s.date_id) as date_id
    from vw_load_status as s
    cross join span as p
    where s.date_id >= p.newest - p.reach
    group by (p.newest - s.date_id) / (1 + (p.reach - 1) / 9)
),

films as (
    select
        d.date_id,
        t.movie_id
    from sampled as d
    cross join
        lateral (
            select f.movie_id
            from fact_movie_daily as f
            where f.date_id = d.date_id and f.movie_id not in (select r.movie_id from removed as r)
            order by f.popularity desc, f.movie_id asc
            limit 200
        ) as t
),

links as (
    select
        f.date_id,
        f.movie_id,
        b.genre_id
    from films as f
    inner join bridge_movie_genre as b on f.movie_id = b.movie_id
),

days as (
    select
        date_id,
        count(distinct movie_id) as n_movies
    from links
    group by date_id
)

select
    l.date_id,
    l.genre_id,
    g.name,
    count(*)::double precision / d.n_movies as film_share
from links as l
inner join days as d on l.date_id = d.date_id
inner join dim_genre as g on l.genre_id = g.genre_id
group by l.date_id, l.genre_id, g.name, d.n_movies
order by l.date_id asc, film_share desc, l.genre_id asc
