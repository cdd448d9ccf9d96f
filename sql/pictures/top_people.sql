-- One row per person, the 20 with the highest sum of popularity among those of two films or more on the newest day.
-- Summing for everybody takes seconds with millions of credits, so it is done for those who can be among the 20 only.
-- The 20th highest sum over the 4,000 most popular films (the floor) is reached by the 20, and each further credit adds
-- no more than the last of the 4,000 has. So who reaches the floor has a fifth of it from the 4,000, or two fifths from
-- further credits in the cast, or as much from those in the crew. Of the first, only those stay who would reach it if
-- each of their credits were a further one.
with newest_film as materialized (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where
        f.date_id = (select max(s.date_id) from vw_load_status as s)
        and not exists (
            select
            from dim_movie as m
            where m.movie_id = f.movie_id and m.removed_date is not null
        )
),

first_film as materialized (
    select
        n.movie_id,
        n.popularity
    from newest_film as n
    order by n.popularity desc, n.movie_id asc
    limit 4000
),

-- Each film's credits are looked up.
credit as materialized (
    select
        f.movie_id,
        f.popularity,
        c.person_id
    from first_film as f
    cross join
        lateral (
            select b.person_id
            from bridge_movie_cast as b
            where b.movie_id = f.movie_id
            union
            select b.person_id
            from bridge_movie_crew as b
            where b.movie_id = f.movie_id
        ) as c
),

partial_sum as materialized (
    select
        c.person_id,
        count(*) as n_movies,
        sum(c.popularity) as popularity
    from credit as c
    group by c.person_id
),

-- Slightly lower, because the order of a sum shows in its last digits.
bound as materialized (
    select
        coalesce(
            (
                select 0.999999 * p.popularity
                from partial_sum as p
                where p.n_movies >= 2
                order by p.popularity desc
                limit 1 offset 19
            ),
            0
        ) as floor_popularity,
        -- NULL if there are no further films.
        case
            when (select count(*) from newest_film) > 4000
                then (select min(f.popularity) from first_film as f)
        end as most_popularity
),

candidate as (
    select p.person_id
    from partial_sum as p
    cross join bound as b
    where
        p.popularity >= 0.2 * b.floor_popularity
        and p.popularity + coalesce(b.most_popularity, 0) * (
            (
                select count(*)
                from bridge_movie_cast as c
                where c.person_id = p.person_id
            )
            + (
                select count(*)
                from bridge_movie_crew as c
                where c.person_id = p.person_id
            )
        ) >= b.floor_popularity
    union
    select b.person_id
    from bridge_movie_cast as b
    where (select e.most_popularity is not null from bound as e)
    group by b.person_id
    having count(*) * (select e.most_popularity from bound as e) >= (select 0.4 * e.floor_popularity from bound as e)
    union
    select b.person_id
    from bridge_movie_crew as b
    where (select e.most_popularity is not null from bound as e)
    group by b.person_id
    having count(*) * (select e.most_popularity from bound as e) >= (select 0.4 * e.floor_popularity from bound as e)
)

select
    v.person_id,
    v.name,
    v.n_movies,
    v.popularity,
    v.median_popularity,
    v.best_title
from vw_person_popularity as v
where v.n_movies >= 2 and v.person_id = any(array(select c.person_id from candidate as c))
order by v.popularity desc, v.person_id asc
limit 20
