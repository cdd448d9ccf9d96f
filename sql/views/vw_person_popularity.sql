create or replace view vw_person_popularity as
-- Not materialized, so that a condition on person_id looks up the films of these people only.
with newest_film as not materialized (
    select
        l.movie_id,
        m.title,
        l.popularity,
        l.snapshot_date
    from movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and m.removed_date is null
),

credit as (
    select
        b.person_id,
        b.movie_id,
        1 as is_cast,
        0 as is_crew
    from bridge_movie_cast as b
    union all
    select
        b.person_id,
        b.movie_id,
        0 as is_cast,
        1 as is_crew
    from bridge_movie_crew as b
),

-- A person counts once per film, whatever the number of roles and jobs in it.
person_film as (
    select
        c.person_id,
        c.movie_id,
        max(c.is_cast) as is_cast,
        max(c.is_crew) as is_crew
    from credit as c
    group by c.person_id, c.movie_id
),

-- Grouped after the join with dim_person, whose size the planner knows; by the credits' person too, so that a condition
-- on person_id reads the credits of these people only.
counted as (
    select
        c.person_id,
        p.name,
        p.known_for_department,
        count(*) as n_movies,
        sum(c.is_cast) as n_movies_as_cast,
        sum(c.is_crew) as n_movies_as_crew,
        sum(f.popularity order by f.popularity desc) as popularity,
        array_agg(f.popularity order by f.popularity desc) as popularities,
        (array_agg(f.movie_id order by f.popularity desc, f.movie_id asc))[1] as best_movie_id,
        max(f.snapshot_date) as snapshot_date
    from person_film as c
    inner join newest_film as f on c.movie_id = f.movie_id
    inner join dim_person as p on c.person_id = p.person_id
    group by c.person_id, p.person_id
)

select
    c.person_id,
    c.name,
    c.known_for_department,
    c.n_movies,
    c.n_movies_as_cast,
    c.n_movies_as_crew,
    c.popularity,
    -- The middle one, or the mean of the two in the middle: percentile_cont would sort each person's films again.
    (c.popularities[(c.n_movies + 1) / 2] + c.popularities[(c.n_movies + 2) / 2]) / 2 as median_popularity,
    c.best_movie_id,
    m.title as best_title,
    c.snapshot_date
from counted as c
inner join newest_film as m on c.best_movie_id = m.movie_id;

comment on view vw_person_popularity is
'One row per person with films on the newest loaded day, in front of the camera or behind it. '
'Excludes removed films.';
comment on column vw_person_popularity.person_id is 'TMDb''s id of the person.';
comment on column vw_person_popularity.name is 'Name, in TMDB_LANGUAGE.';
comment on column vw_person_popularity.known_for_department is 'The department the person is known for.';
comment on column vw_person_popularity.n_movies is 'Number of films, each counted once.';
comment on column vw_person_popularity.n_movies_as_cast is 'Number of films in whose stored cast the person is.';
comment on column vw_person_popularity.n_movies_as_crew is 'Number of films in whose stored crew the person is.';
comment on column vw_person_popularity.popularity is 'Sum of the films'' popularity.';
comment on column vw_person_popularity.median_popularity is 'Median of the films'' popularity.';
comment on column vw_person_popularity.best_movie_id is 'The most popular of the films.';
comment on column vw_person_popularity.best_title is 'Title of the most popular of the films.';
comment on column vw_person_popularity.snapshot_date is 'The newest loaded day (UTC).';
