-- Three roles, none of which can log in as made here:
--   tmdb_owner   owns the tables; who may act as it brings a database up to a new release (tmdb-assets migrate)
--   tmdb_loader  loads days: reads and writes rows, has partitions made and dropped, changes no table
--   tmdb_reader  reads dimensions, bridges, the fact and the views: for analysts, BI tools and dashboards
--
-- Run it on an existing warehouse, as a superuser or as the owner of the database and its tables with CREATEROLE, as
-- often as you like, and then sql/grants.sql. Both together:
--   tmdb-assets migrate --roles
-- Then give people and programs log-ins of their own: create role anna login password '...' in role tmdb_reader;
--
-- It reads only the system catalogues and calls no function that tmdb_owner or anyone else could have made.
do $$
declare
    callers_path constant text := pg_catalog.current_setting('search_path');
    role_name text;
    relation record;
begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    foreach role_name in array array['tmdb_owner', 'tmdb_loader', 'tmdb_reader'] loop
        begin
            if not exists (select 1 from pg_roles where rolname = role_name) then
                execute format('create role %I nologin', role_name);
            end if;
        exception
            when duplicate_object or unique_violation then null; -- just made for another database
        end;
    end loop;
    -- From Postgres 16 on, the creator of a role is a member of it, but may not act as it.
    if not pg_has_role(
        current_user,
        'tmdb_owner',
        case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
    ) then
        execute format('grant tmdb_owner to %I', current_user);
    end if;
    grant usage, create on schema public to tmdb_owner;
    grant usage on schema public to tmdb_loader, tmdb_reader;
    -- Nobody else may make a function or table where the functions of the warehouse would find it.
    revoke create on schema public from public;
    -- Loads stage rows in temporary tables; readers do not need them and could abuse them.
    execute format('revoke temporary on database %I from public', current_database());
    execute format('grant temporary on database %I to tmdb_owner, tmdb_loader', current_database());
    if has_database_privilege('tmdb_reader', current_database(), 'temporary') then
        raise insufficient_privilege using
            message = format('only its owner may revoke temporary tables on the database %I', current_database());
    end if;
    -- Nobody but a superuser can take these from everyone: functions that write large objects, also where tables cannot
    -- be written.
    if (select rolsuper from pg_roles where rolname = current_user) then
        for relation in
            select oid::regprocedure::text as name from pg_proc
            where pronamespace = 'pg_catalog'::regnamespace
                and proname in (
                    'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64',
                    'lo_unlink', 'lowrite', 'pg_logical_emit_message'
                )
        loop
            execute format('revoke execute on function %s from public', relation.name);
        end loop;
    end if;
    -- Owner and loader may act as the reader, as the Streamlit app does.
    foreach role_name in array array['tmdb_owner', 'tmdb_loader'] loop
        if not pg_has_role(role_name, 'tmdb_reader', 'member') then
            execute format('grant tmdb_reader to %I', role_name);
        end if;
    end loop;
    for relation in
        select c.relname as name, case c.relkind when 'v' then 'view' else 'table' end as kind
        from pg_class as c
        inner join pg_roles as r on c.relowner = r.oid
        where
            c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p', 'v')
            and r.rolname <> 'tmdb_owner'
            -- Not what others made in this schema.
            and c.relowner = (select m.relowner from pg_class as m where m.oid = to_regclass('public.dim_movie'))
            and (
                c.relname ~ '^(raw_(details|discover|export|reference)|fact_movie_daily|bridge_movie_)'
                or c.relname ~ '^dim_(company|country|date|genre|keyword|language|movie|person)$'
                or c.relname ~ '^vw_(continent_popularity|costars|director_ranking|genre_popularity|keyword_popularity|load_status)'
                or c.relname ~ '^vw_(movie_latest|person_popularity|top|trending|upcoming_releases)'
                or c.relname in (
                    'applied_sql', 'check_result', 'computed_table', 'country_continent', 'details_due', 'fetch_log',
                    'fetch_slice', 'fetch_turn', 'forecast_movie_daily', 'forecast_score', 'load_day', 'movie_history',
                    'movie_latest', 'movie_release', 'movie_similar', 'popularity_total', 'quality_measure', 'rejected_row',
                    'schema_version', 'top_movie'
                )
            )
        order by c.relkind = 'v' -- a view's owner must be able to read its tables
    loop
        execute format('alter %s public.%I owner to tmdb_owner', relation.kind, relation.name);
    end loop;
    for relation in
        select p.oid::regprocedure::text as name
        from pg_proc as p
        inner join pg_roles as r on p.proowner = r.oid
        where
            p.pronamespace = 'public'::regnamespace
            and r.rolname <> 'tmdb_owner'
            and p.proname in (
                'count_top', 'count_totals', 'drop_raw_partitions', 'ensure_partition', 'movie_features',
                'renew_totals'
            )
    loop
        execute format('alter function %s owner to tmdb_owner', relation.name);
    end loop;
    perform pg_catalog.set_config('search_path', callers_path, true);
end
$$;

-- A reader's mistakes stay small. These are defaults, not limits: a session may set others, and log-ins in role
-- tmdb_reader do not inherit them (alter role anna set ...).
alter role tmdb_reader set default_transaction_read_only = on;
alter role tmdb_reader set statement_timeout = '2min';
alter role tmdb_reader set idle_in_transaction_session_timeout = '5min'; -- it holds locks
