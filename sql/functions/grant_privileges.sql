-- Called by sql/roles.sql, and whenever tables or views were made: what is new is granted like the rest.
create or replace function grant_privileges() returns void
language plpgsql
set search_path = public, pg_temp
as $$
declare
    relation record;
begin
    -- Where another role owns the tables, sql/roles.sql was never run on this database.
    if not exists (
        select 1 from pg_catalog.pg_class as c
        inner join pg_catalog.pg_roles as r on c.relowner = r.oid
        where c.oid = to_regclass('dim_movie') and r.rolname = 'tmdb_owner'
    ) then
        return;
    end if;
    for relation in
        select c.relname as name, c.relkind as kind
        from pg_catalog.pg_class as c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
    loop
        execute format('grant select, insert, update, delete on %I to tmdb_loader', relation.name);
        -- Partitions and the raw answers are not for readers: a partition by itself would show what its table hides.
        if relation.name ~ '^(dim_|bridge_|vw_)' or relation.name = 'fact_movie_daily' then
            execute format('grant select on %I to tmdb_reader', relation.name);
        end if;
    end loop;
    grant execute on function ensure_partition(text, text, date) to tmdb_loader;
    grant execute on function drop_raw_partitions(date) to tmdb_loader;
    grant execute on function popularity_totals(text), top_movies() to tmdb_loader, tmdb_reader;
end
$$;

revoke execute on function grant_privileges() from public;

comment on function grant_privileges() is
'Grants tmdb_loader and tmdb_reader what they need on the tables and views that are there.';
