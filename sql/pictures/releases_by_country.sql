-- One row per film, type and date of release in a country, by date: of the next 60 days, the 20 of the most popular
-- films.
with chosen as (
    select
        r.release_date,
        r.movie_id,
        r.title,
        r.release_type,
        r.certification,
        r.popularity,
        r.country,
        r.iso_3166_1
    from vw_upcoming_releases as r
    where r.iso_3166_1 = :country and r.release_date <= (select max(s.date_id) + 60 from vw_load_status as s)
    order by r.popularity desc, r.movie_id asc, r.release_date asc, r.release_type asc
    limit 20
)

select
    c.release_date,
    c.movie_id,
    c.title,
    c.release_type,
    c.certification,
    c.popularity,
    coalesce(c.country, c.iso_3166_1) as country
from chosen as c
order by c.release_date asc, c.popularity desc, c.movie_id asc, c.release_type asc
