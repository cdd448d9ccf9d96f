-- What vw_top_movies, vw_genre_popularity and vw_continent_popularity show: how it is counted, and how what is kept of
-- it is renewed before a transaction that changed it ends. See docs/decisions/0003-the-latest-state-is-a-table.md.

-- Removed films are few: they are looked up apart, so that no film's wide row is read.
create or replace function newest_films() returns table (
    movie_id bigint, popularity double precision, vote_average double precision, vote_count integer
)
language sql
stable
parallel safe
as $$
select
    l.movie_id,
    l.popularity,
    l.vote_average,
    l.vote_count
from movie_latest as l
where
    l.snapshot_date = (select max(d.date_id) from load_day as d)
    and not exists (
        select 1 from dim_movie as m
        where m.movie_id = l.movie_id and m.removed_date is not null
    )
$$;

comment on function newest_films() is 'The films of the newest loaded day that are not removed.';

-- Means are of exact sums, so that the order in which rows are met changes nothing: the same input gives the same rows.
-- Summed by key before the names come in; a film counts once a continent, however many of its countries it spans.
create or replace function count_totals() returns setof popularity_total
language sql
stable
parallel safe
as $$
select
    'genre',
    b.genre_id::text,
    avg(f.popularity::numeric)::double precision,
    coalesce(sum(f.vote_count), 0)::bigint,
    count(*)
from bridge_movie_genre as b
inner join newest_films() as f on b.movie_id = f.movie_id
group by b.genre_id
union all
select
    'continent',
    fc.continent,
    avg(f.popularity::numeric)::double precision,
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
inner join newest_films() as f on fc.movie_id = f.movie_id
group by fc.continent
$$;

comment on function count_totals() is 'What popularity_total is to hold, counted now.';

create or replace function count_top() returns setof top_movie
language sql
stable
parallel safe
as $$
select
    row_number() over (
        order by
            f.popularity desc,
            f.vote_average desc nulls last,
            f.vote_count desc nulls last,
            f.movie_id asc
    ),
    f.movie_id
from newest_films() as f
order by 1
limit 200
$$;

comment on function count_top() is 'What top_movie is to hold, counted now.';

-- The two that the views call. As their owner, so that a reader of the views needs no right on the tables beneath.
create or replace function popularity_totals(wanted text) returns setof popularity_total
language plpgsql
stable
security definer
rows 20
set search_path = public, pg_temp
as $$
begin
    if exists (select 1 from latest_change) then
        return query select t.* from count_totals() as t where t.kind = wanted;
    else
        return query select t.* from popularity_total as t where t.kind = wanted;
    end if;
end
$$;

comment on function popularity_totals(text) is
'The totals by genre or by continent: those kept; in a transaction that changed something, counted now.';

create or replace function top_movies() returns setof top_movie
language plpgsql
stable
security definer
rows 200
set search_path = public, pg_temp
as $$
begin
    if exists (select 1 from latest_change) then
        return query select t.* from count_top() as t;
    else
        return query select t.* from top_movie as t;
    end if;
end
$$;

revoke execute on function popularity_totals(text), top_movies() from public;

comment on function top_movies() is
'The first 200 films of the newest day: those kept; in a transaction that changed something, ranked now.';

-- A note for each table that a transaction changes, with the transaction in its key: changes side by side do not meet.
-- As their owner, so that who may change a link or a film needs no right on what is kept of it.
create or replace function note_latest_change() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
begin
    insert into latest_change (change_id, table_name)
    values (pg_current_xact_id()::text || ' ' || tg_table_name, tg_table_name)
    on conflict do nothing;
    return null;
end
$$;

create or replace function note_changed_rows() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
begin
    if exists (select 1 from changed_rows) then
        insert into latest_change (change_id, table_name)
        values (pg_current_xact_id()::text || ' ' || tg_table_name, tg_table_name)
        on conflict do nothing;
    end if;
    return null;
end
$$;

create or replace function note_newest_day() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
begin
    if not exists (select 1 from load_day as d where d.date_id > coalesce(new.date_id, old.date_id)) then
        insert into latest_change (change_id, table_name)
        values (pg_current_xact_id()::text || ' ' || tg_table_name, tg_table_name)
        on conflict do nothing;
    end if;
    return null;
end
$$;

comment on function note_latest_change() is 'Notes that this transaction changed what the kept totals are made of.';
comment on function note_changed_rows() is 'The same, where the statement changed any row.';
comment on function note_newest_day() is 'The same, where the newest day came or went; of older days nothing is shown.';

-- Runs when a transaction with notes commits, as its last act: whoever holds the lock then waits for nobody. The lock
-- is held until the commit is seen, so the next one counts what this one changed.
create or replace function renew_totals() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    changed text[];
    kinds text[];
    of_genres constant text[] := array['bridge_movie_genre'];
    of_continents constant text[] := array['bridge_movie_country', 'dim_country'];
begin
    if not exists (select 1 from latest_change) then
        return null; -- renewed for another note of this transaction
    end if;
    perform pg_advisory_xact_lock(7308332003);
    with noted as (delete from latest_change returning table_name)
    select array_agg(distinct n.table_name) into changed from noted as n;
    -- Links change one kind of sum and no rank; all else changes everything.
    kinds := case when changed <@ of_continents then '{}' else array['genre'] end
        || case when changed <@ of_genres then '{}' else array['continent'] end;
    delete from popularity_total as t where t.kind = any(kinds);
    insert into popularity_total
    select t.* from count_totals() as t where t.kind = any(kinds) order by t.kind, t.code;
    if not changed <@ (of_genres || of_continents) then
        delete from top_movie;
        insert into top_movie select t.* from count_top() as t order by t.rank;
    end if;
    return null;
end
$$;

comment on function renew_totals() is 'Counts anew what this transaction changed of popularity_total and top_movie.';

do $$
begin
    if not exists (
        select 1 from pg_catalog.pg_trigger as t
        where t.tgrelid = 'latest_change'::regclass and t.tgname = 'renew_at_commit'
    ) then
        create constraint trigger renew_at_commit after insert on latest_change
        deferrable initially deferred for each row execute function renew_totals();
    end if;
end
$$;

do $$
declare
    of_table text;
    event text;
begin
    foreach of_table in array array['movie_latest', 'bridge_movie_genre', 'bridge_movie_country'] loop
        foreach event in array array['insert', 'update', 'delete'] loop
            execute format(
                'create or replace trigger note_%2$s after %2$s on %1$I referencing %3$s table as changed_rows '
                'for each statement execute function note_changed_rows()',
                of_table, event, case event when 'delete' then 'old' else 'new' end
            );
        end loop;
        execute format(
            'create or replace trigger note_truncate after truncate on %I '
            'for each statement execute function note_latest_change()',
            of_table
        );
    end loop;
end
$$;

create or replace trigger note_day after insert or delete on load_day
for each row execute function note_newest_day();

create or replace trigger note_truncate after truncate on load_day
for each statement execute function note_latest_change();

-- Every row of these is confirmed every day: a condition a row costs less than keeping the rows for a statement.
create or replace trigger note_update after update of removed_date on dim_movie
for each row when (old.removed_date is distinct from new.removed_date)
execute function note_latest_change();

create or replace trigger note_update after update of continent on dim_country
for each row when (old.continent is distinct from new.continent)
execute function note_latest_change();

-- This text runs when a schema is new or was upgraded: what is kept of days loaded before is counted anew.
insert into latest_change (change_id, table_name)
select
    gen_random_uuid()::text as change_id,
    'schema' as table_name
where exists (select 1 from load_day);
