create or replace view vw_upcoming_releases as
-- Not from vw_trending_movies, which ranks all films: only the films of these releases are read.
select
    r.iso_3166_1,
    c.name as country,
    r.release_date,
    r.release_type,
    r.movie_id,
    m.title,
    r.certification,
    r.note,
    l.popularity,
    l.popularity - w.popularity as change_7d,
    l.popularity - a.popularity as change_30d,
    l.snapshot_date
from movie_release as r
inner join movie_latest as l on r.movie_id = l.movie_id
inner join dim_movie as m on r.movie_id = m.movie_id
left join fact_movie_daily as w
    on r.movie_id = w.movie_id and w.date_id = (select max(d.date_id) - 7 from load_day as d)
left join fact_movie_daily as a
    on r.movie_id = a.movie_id and a.date_id = (select max(d.date_id) - 30 from load_day as d)
left join dim_country as c on r.iso_3166_1 = c.iso_3166_1
where
    r.release_date >= (select max(d.date_id) from load_day as d)
    and l.snapshot_date = (select max(d.date_id) from load_day as d)
    and m.removed_date is null;

comment on view vw_upcoming_releases is
'One row per release on or after the newest loaded day, by film, country, type and date. '
'Excludes removed films and films without a fact for that day.';
comment on column vw_upcoming_releases.iso_3166_1 is 'ISO 3166-1 code of the country of release.';
comment on column vw_upcoming_releases.country is
'Name of the country of release; NULL where it is not in dim_country.';
comment on column vw_upcoming_releases.release_date is 'The date of the release in that country.';
comment on column vw_upcoming_releases.release_type is
'Premiere, Theatrical (limited), Theatrical, Digital, Physical or TV.';
comment on column vw_upcoming_releases.movie_id is 'TMDb''s id of the film.';
comment on column vw_upcoming_releases.title is 'Title in TMDB_LANGUAGE.';
comment on column vw_upcoming_releases.certification is 'The age rating in that country; NULL where unknown.';
comment on column vw_upcoming_releases.note is 'Where or how, such as a festival or a service.';
comment on column vw_upcoming_releases.popularity is 'TMDb''s popularity score on snapshot_date, without unit.';
comment on column vw_upcoming_releases.change_7d is
'popularity minus that of 7 days before; NULL where the film has no fact for that day.';
comment on column vw_upcoming_releases.change_30d is
'popularity minus that of 30 days before; NULL where the film has no fact for that day.';
comment on column vw_upcoming_releases.snapshot_date is 'The newest loaded day (UTC).';
