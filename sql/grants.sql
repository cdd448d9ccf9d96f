-- What tmdb_loader and tmdb_reader may do with the tables, views and functions that tmdb_owner owns. Run after
-- sql/roles.sql, and again whenever a table or view was made; does nothing where sql/roles.sql was never run.
-- A statement, not a function: a function would belong to the owner, and a superuser must call none of those.
do $$
declare
    callers_path constant text := pg_catalog.current_setting('search_path');
    owned record;
begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    for owned in
        select c.relname as name
        from pg_class as c
        inner join pg_roles as r on c.relowner = r.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
            and r.rolname = 'tmdb_owner' -- what others keep in this schema is theirs
    loop
        execute format('grant select, insert, update, delete on public.%I to tmdb_loader', owned.name);
        -- Partitions and the raw answers are not for readers: a partition by itself would show what its table hides.
        if owned.name ~ '^(dim_|bridge_|vw_)' or owned.name = 'fact_movie_daily' then
            execute format('grant select on public.%I to tmdb_reader', owned.name);
        end if;
    end loop;
    for owned in
        select p.oid::regprocedure::text as signature
        from pg_proc as p
        inner join pg_roles as r on p.proowner = r.oid
        where p.pronamespace = 'public'::regnamespace and r.rolname = 'tmdb_owner'
            and p.proname in ('drop_raw_partitions', 'ensure_partition')
    loop
        execute format('grant execute on function %s to tmdb_loader', owned.signature);
    end loop;
    perform pg_catalog.set_config('search_path', callers_path, true);
end
$$;
