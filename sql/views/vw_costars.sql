create or replace view vw_costars as
with lead_role as (
    select
        b.movie_id,
        b.person_id
    from bridge_movie_cast as b
    inner join movie_latest as l on b.movie_id = l.movie_id
    inner join dim_movie as m on b.movie_id = m.movie_id
    where
        b.cast_order < 5
        and l.snapshot_date = (select max(d.date_id) from load_day as d)
        and m.removed_date is null
),

-- Most people have one role, and so are in no pair that counts.
repeated_role as (
    select
        l.movie_id,
        l.person_id,
        count(*) over (partition by l.person_id) as n_roles
    from lead_role as l
),

-- Costars are looked up in the credits of the films, so that a condition on person_id reads the films of this person
-- only; one may have several roles in a film.
together as (
    select distinct
        r.movie_id,
        r.person_id,
        b.person_id as costar_id
    from repeated_role as r
    inner join bridge_movie_cast as b on r.movie_id = b.movie_id and r.person_id <> b.person_id
    where r.n_roles >= 2 and b.cast_order < 5
),

pair as (
    select
        t.person_id,
        t.costar_id,
        count(*) as n_movies
    from together as t
    group by t.person_id, t.costar_id
    having count(*) >= 2
)

select
    p.person_id,
    a.name,
    p.costar_id,
    b.name as costar_name,
    p.n_movies
from pair as p
inner join dim_person as a on p.person_id = a.person_id
inner join dim_person as b on p.costar_id = b.person_id;

comment on view vw_costars is
'One row per person and costar: two of the first five of the cast in two films or more of the newest loaded day. '
'Excludes removed films.';
comment on column vw_costars.person_id is 'TMDb''s id of the person.';
comment on column vw_costars.name is 'Name of the person.';
comment on column vw_costars.costar_id is 'TMDb''s id of the costar; each pair is there in both directions.';
comment on column vw_costars.costar_name is 'Name of the costar.';
comment on column vw_costars.n_movies is 'Number of films in which both are among the first five of the cast.';
