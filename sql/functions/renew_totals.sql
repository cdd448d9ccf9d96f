-- Computes what vw_top_movies, vw_genre_popularity and vw_continent_popularity show, and stores it. See
-- docs/decisions/0003-the-latest-state-is-a-table.md.

create or replace function count_top() returns setof top_movie
language sql
stable
set search_path = pg_catalog, public, pg_temp
set enable_nestloop = off -- as in count_totals()
set jit = off
as $$
select
    row_number() over (
        order by
            l.popularity desc,
            l.vote_average desc nulls last,
            l.vote_count desc nulls last,
            l.movie_id asc
    ),
    l.movie_id
from movie_latest as l
where
    l.snapshot_date = (select max(d.date_id) from load_day as d)
    and not exists (
        select 1 from dim_movie as m
        where m.movie_id = l.movie_id and m.removed_date is not null
    )
order by 1
limit 200
$$;

comment on function count_top() is 'The rows that top_movie must hold now.';

-- Means and shares come from exact (numeric) sums, so the order of reading does not matter: same input, same rows. They
-- are rounded to 100 places, because Postgres refuses to make a double of a much smaller number.
-- A film counts once per continent, however many of its countries are on it, and wholly in each of its groups, so that
-- shares add up to more than 1.
create or replace function count_totals() returns setof popularity_total
language sql
stable
set search_path = pg_catalog, public, pg_temp
set work_mem = '64MB' -- so that the sort for the medians stays in memory with 100,000 films
-- Before autovacuum has analyzed a new database, Postgres takes the newest day for a few rows, and would read all films
-- again for each of them. Hash joins are right for any day.
set enable_nestloop = off
set jit = off
as $$
with newest_film as materialized (
    select
        l.movie_id,
        l.popularity,
        l.popularity::numeric as exact_popularity,
        case when t.movie_id is not null then l.popularity::numeric end as top_popularity,
        l.vote_count,
        l.vote_average::numeric as rating, -- NULL without votes
        l.vote_average::numeric * l.vote_count as rating_sum,
        l.votes_date
    from movie_latest as l
    left join count_top() as t on l.movie_id = t.movie_id
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and not exists (
            select 1 from dim_movie as m
            where m.movie_id = l.movie_id and m.removed_date is not null
        )
),

whole as (
    select
        nullif(sum(f.exact_popularity), 0) as popularity,
        nullif(sum(f.top_popularity), 0) as top_popularity
    from newest_film as f
),

member as (
    select
        'genre' as kind,
        b.genre_id::text as code,
        b.movie_id
    from bridge_movie_genre as b
    union all
    select distinct
        'continent' as kind,
        c.continent as code,
        b.movie_id
    from bridge_movie_country as b
    inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
    where c.continent is not null
),

total as (
    select
        m.kind,
        m.code,
        avg(f.exact_popularity) as avg_popularity,
        coalesce(sum(f.vote_count), 0)::bigint as total_votes,
        count(*) as n_movies,
        percentile_cont(0.5) within group (order by f.popularity) as median_popularity,
        sum(f.exact_popularity) as popularity,
        coalesce(sum(f.top_popularity), 0) as top_popularity,
        count(*) filter (where f.vote_count > 0) as n_movies_with_votes,
        min(f.votes_date) as oldest_votes_date,
        avg(f.rating) as avg_rating,
        sum(f.rating_sum) / sum(f.vote_count) filter (where f.rating is not null) as votes_weighted_rating
    from member as m
    inner join newest_film as f on m.movie_id = f.movie_id
    group by m.kind, m.code
)

select
    t.kind,
    t.code,
    round(t.avg_popularity, 100)::double precision,
    t.total_votes,
    t.n_movies,
    t.median_popularity,
    round(t.popularity / w.popularity, 100)::double precision,
    round(t.top_popularity / w.top_popularity, 100)::double precision,
    t.n_movies_with_votes,
    t.oldest_votes_date,
    round(t.avg_rating, 100)::double precision,
    round(t.votes_weighted_rating, 100)::double precision
from total as t
cross join whole as w
$$;

comment on function count_totals() is 'The rows that popularity_total must hold now.';

-- The last call of every transaction that changed the input, so that the lock's holder waits for nobody. The lock is
-- held until the commit is visible, and later statements see what was committed before, so that of two concurrent
-- transactions the second counts what both changed.
create or replace function renew_totals() returns void
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    lock table popularity_total in share row exclusive mode; -- which no reader can take or hold up
    delete from popularity_total;
    insert into popularity_total
    select t.* from count_totals() as t order by t.kind, t.code;
    delete from top_movie;
    insert into top_movie
    select t.* from count_top() as t order by t.rank;
end
$$;

comment on function renew_totals() is 'Recomputes popularity_total and top_movie.';
