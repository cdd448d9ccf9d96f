-- One row per half point of mean rating, identified by its lower bound (10.0 belongs to the last one), and one row
-- without a bound for unrated films.
select
    case when l.vote_average is not null then least(floor(l.vote_average * 2), 19) / 2 end as at_least,
    count(*) as n_movies
from vw_movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id
where l.snapshot_date = (select max(s.date_id) from vw_load_status as s) and m.removed_date is null
group by 1
order by 1
