-- Computes what vw_top_movies, vw_genre_popularity and vw_continent_popularity show, and stores it. See
-- docs/decisions/0003-the-latest-state-is-a-table.md.

-- Means come from exact (numeric) sums, so the order of reading does not matter: same input, same rows. They are
-- rounded to 100 places, because Postgres refuses to make a double of a much smaller number.
-- A film counts once per continent, however many of its countries are on it.
create or replace function count_totals() returns setof popularity_total
language sql
stable
set search_path = pg_catalog, public, pg_temp
as $$
with newest_film as materialized (
    select
        l.movie_id,
        l.popularity::numeric as popularity,
        l.vote_count
    from movie_latest as l
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and not exists (
            select 1 from dim_movie as m
            where m.movie_id = l.movie_id and m.removed_date is not null
        )
)

select
    'genre',
    b.genre_id::text,
    round(avg(f.popularity), 100)::double precision,
    coalesce(sum(f.vote_count), 0)::bigint,
    count(*)
from bridge_movie_genre as b
inner join newest_film as f on b.movie_id = f.movie_id
group by b.genre_id
union all
select
    'continent',
    fc.continent,
    round(avg(f.popularity), 100)::double precision,
    coalesce(sum(f.vote_count), 0)::bigint,
    count(*)
from (
    select distinct
        b.movie_id,
        c.continent
    from bridge_movie_country as b
    inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
    where c.continent is not null
) as fc
inner join newest_film as f on fc.movie_id = f.movie_id
group by fc.continent
$$;

comment on function count_totals() is 'The rows that popularity_total must hold now.';

create or replace function count_top() returns setof top_movie
language sql
stable
set search_path = pg_catalog, public, pg_temp
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
