-- Runs as its owner: a partition must belong to the owner of its table, and a loader owns nothing. So it accepts only
-- the tables and units named here, only tmdb_loader and the owner may call it, and every name in it is qualified. See
-- docs/decisions/0012-no-function-lends-its-owners-rights.md.
create or replace function ensure_partition(parent text, unit text, day date) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    first_day date;
    next_day date;
    name text;
begin
    if (parent, unit) not in (
        ('fact_movie_daily', 'month'), ('raw_details', 'day'), ('raw_discover', 'day'), ('raw_export', 'day')
    ) or parent is null or unit is null then
        raise exception '% has no partitions by %', parent, unit;
    end if;
    if day is null or not isfinite(day) or extract(year from day) not between 1800 and 9999 then
        raise exception 'a partition needs a day of the years 1800 to 9999, not %', day;
    end if;
    first_day := date_trunc(unit, day::timestamp)::date;
    next_day := (first_day + ('1 ' || unit)::interval)::date;
    name := parent || to_char(first_day, case unit when 'month' then '_YYYY_MM' else '_YYYY_MM_DD' end);
    perform pg_advisory_xact_lock(7308332001);
    -- A query, because to_regclass may not see what another session made before this one got the lock.
    if not exists (
        select 1 from pg_catalog.pg_class as c
        inner join pg_catalog.pg_inherits as i on c.oid = i.inhrelid
        where c.relname = name and i.inhparent = format('public.%I', parent)::regclass
    ) then
        if to_regclass(format('public.%I', name)) is not null then
            raise exception '% was detached from %, so no day of it can be loaded: attach it again, or drop it',
                name, parent;
        end if;
        -- Attached, not created in place: readers of the table are not blocked.
        execute format(
            'create table public.%I (like public.%I including defaults including constraints)', name, parent
        );
        execute format(
            'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
            parent, name, first_day, next_day
        );
    end if;
end
$$;

revoke execute on function ensure_partition(text, text, date) from public;

comment on function ensure_partition(text, text, date) is
'Creates the partition (unit: month or day) of a table that holds a day, unless it exists.';
