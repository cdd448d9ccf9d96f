create or replace view vw_director_ranking as
-- A rating of few votes says little: each director starts with 1,000 votes at the votes-weighted mean of all films.
with rated as (
    select
        l.movie_id,
        l.vote_average::numeric as vote_average,
        l.vote_count
    from movie_latest as l
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and l.vote_average is not null
        -- An index has the few removed films; dim_movie is large.
        and not exists (
            select
            from dim_movie as m
            where m.movie_id = l.movie_id and m.removed_date is not null
        )
),

everything as (
    select sum(r.vote_average * r.vote_count) / sum(r.vote_count) as mean_rating
    from rated as r
),

director as (
    select distinct
        b.person_id,
        b.movie_id
    from bridge_movie_crew as b
    where b.job = 'Director'
),

counted as (
    select
        d.person_id,
        count(*) as n_movies,
        sum(r.vote_count)::bigint as total_votes,
        sum(r.vote_average * r.vote_count) as rating_sum
    from director as d
    inner join rated as r on d.movie_id = r.movie_id
    group by d.person_id
    having count(*) >= 3
),

weighted as (
    select
        c.person_id,
        c.n_movies,
        c.total_votes,
        c.rating_sum / c.total_votes as votes_weighted_rating,
        (c.rating_sum + 1000 * e.mean_rating) / (c.total_votes + 1000) as weighted_rating
    from counted as c
    cross join everything as e
),

ranked as (
    select
        row_number() over (
            order by
                w.weighted_rating desc,
                w.total_votes desc,
                w.person_id asc
        ) as rank,
        w.*
    from weighted as w
)

-- The name last, so that only those of the ranks that are read are looked up.
select
    r.rank,
    r.person_id,
    p.name,
    r.n_movies,
    r.total_votes,
    r.votes_weighted_rating::double precision as votes_weighted_rating,
    r.weighted_rating::double precision as weighted_rating
from ranked as r
inner join dim_person as p on r.person_id = p.person_id;

comment on view vw_director_ranking is
'One row per director of three films or more with votes on the newest loaded day, by weighted rating. '
'Excludes removed films.';
comment on column vw_director_ranking.rank is 'Rank by weighted rating, then votes and id, from 1.';
comment on column vw_director_ranking.person_id is 'TMDb''s id of the person.';
comment on column vw_director_ranking.name is 'Name, in TMDB_LANGUAGE.';
comment on column vw_director_ranking.n_movies is 'Number of films directed that have votes.';
comment on column vw_director_ranking.total_votes is 'Sum of the films'' last known votes.';
comment on column vw_director_ranking.votes_weighted_rating is
'Mean of the films'' ratings, each with the weight of its votes: sum(rating * votes) / sum(votes).';
comment on column vw_director_ranking.weighted_rating is
'The same with 1,000 more votes at the votes-weighted mean of all films, so that few votes do not reach the top.';
