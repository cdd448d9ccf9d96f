-- Called by sql/roles.sql, and whenever tables or views were made: what is new is granted like the rest.
create or replace function grant_privileges() returns void
language plpgsql
set search_path = public, pg_temp
as $$
declare
    relation record;
    grantee text;
begin
    -- Whoever may read a view by a grant of an administrator's own needs the functions that it calls as well.
    for grantee in
        select distinct case a.grantee when 0 then 'public' else a.grantee::regrole::text end
        from pg_catalog.pg_class as c
        cross join lateral aclexplode(c.relacl) as a
        where
            c.relnamespace = 'public'::regnamespace
            and c.relname in ('vw_top_movies', 'vw_genre_popularity', 'vw_continent_popularity')
            and a.privilege_type = 'SELECT'
    loop
        execute format('grant execute on function popularity_totals(text), top_movies() to %s', grantee);
    end loop;
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
            and c.relowner = 'tmdb_owner'::regrole -- what others keep in this schema is theirs
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
