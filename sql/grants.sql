-- Grants on tmdb_owner's tables, views and functions to tmdb_loader and tmdb_reader. Run it after sql/roles.sql, and
-- again when a table or view was made; it does nothing where sql/roles.sql was never run.
-- A statement, not a function: a function would belong to the owner, and a superuser must not call it.
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
            and r.rolname = 'tmdb_owner' -- not what others made in this schema
    loop
        execute format('grant select, insert, update, delete on public.%I to tmdb_loader', owned.name);
        -- Readers get neither partitions nor raw answers.
        if owned.name ~ '^(dim_|bridge_|vw_)' or owned.name in (
            'check_result', 'fact_movie_daily', 'forecast_movie_daily', 'forecast_score', 'movie_history', 'movie_release',
            'movie_similar', 'quality_measure'
        ) then
            execute format('grant select on public.%I to tmdb_reader', owned.name);
        end if;
    end loop;
    for owned in
        select p.oid::regprocedure::text as signature
        from pg_proc as p
        inner join pg_roles as r on p.proowner = r.oid
        where p.pronamespace = 'public'::regnamespace and r.rolname = 'tmdb_owner'
            and p.proname in ('drop_raw_partitions', 'ensure_partition', 'movie_features')
    loop
        execute format('grant execute on function %s to tmdb_loader', owned.signature);
        if owned.signature ~ '^movie_features' then
            execute format('grant execute on function %s to tmdb_reader', owned.signature);
        end if;
    end loop;
    perform pg_catalog.set_config('search_path', callers_path, true);
end
$$;
