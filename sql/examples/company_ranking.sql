-- Question: which production companies have the most popular films now?
-- How to read: one row per company with at least two films on the newest loaded day, by the total popularity of its
-- films. `best_film` is the most popular of them. Several companies may share a name, so the id is shown.
select
    c.company_id,
    c.name as company,
    c.origin_country,
    count(*) as films,
    round(sum(l.popularity)::numeric, 1) as popularity,
    (array_agg(l.title order by l.popularity desc, l.movie_id asc))[1] as best_film
from dim_company as c
inner join bridge_movie_company as b on c.company_id = b.company_id
inner join vw_movie_latest as l on b.movie_id = l.movie_id
inner join dim_movie as m on l.movie_id = m.movie_id
where
    l.snapshot_date = (select max(s.date_id) from vw_load_status as s)
    and m.removed_date is null
group by c.company_id
having count(*) >= 2
order by popularity desc, c.company_id asc
limit 20;
