-- Question: on which weekday are films released, and is it related to their rating?
-- How to read: one row per weekday of first release, Monday first. `film_share` is its share of all dated films;
-- `mean_rating` is the plain mean over films with at least 10 ratings (`rated_films`). Many old films are dated
-- 1 January because only the year is known: they are excluded.
select
    to_char(m.release_date, 'FMDay') as day_name,
    count(*) as films,
    round(count(*) / sum(count(*)) over (), 3) as film_share,
    count(*) filter (where l.vote_count >= 10) as rated_films,
    round((avg(l.vote_average) filter (where l.vote_count >= 10))::numeric, 2) as mean_rating
from dim_movie as m
left join vw_movie_latest as l on m.movie_id = l.movie_id
where
    m.removed_date is null
    and (extract(month from m.release_date), extract(day from m.release_date)) <> (1, 1)
group by extract(isodow from m.release_date), day_name
order by extract(isodow from m.release_date) asc;
