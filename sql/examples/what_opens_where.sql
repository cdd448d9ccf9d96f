-- Question: what opens in a country in the next four weeks, and does interest rise?
-- How to read: one row per film, type and date of release in the country below (change the code), the next first.
-- `change_percent_7d` is the change of the film's popularity within a week.
select
    r.release_date,
    r.title,
    r.release_type,
    r.certification,
    round(r.popularity::numeric, 1) as popularity,
    round((100 * r.change_7d / nullif(r.popularity - r.change_7d, 0))::numeric, 1) as change_percent_7d
from vw_upcoming_releases as r
where r.iso_3166_1 = 'US' and r.release_date <= r.snapshot_date + 28
order by r.release_date asc, r.popularity desc, r.movie_id asc, r.release_type asc;
