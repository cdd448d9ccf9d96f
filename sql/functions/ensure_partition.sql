-- Attached, not created in place: readers of the table go on meanwhile. As its owner, so that a loader need not own it.
create or replace function ensure_partition(parent text, unit text, day date) returns void
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    first_day constant date := date_trunc(unit, day::timestamp)::date;
    next_day constant date := (first_day + ('1 ' || unit)::interval)::date;
    name constant text := parent || to_char(first_day, case unit when 'month' then '_YYYY_MM' else '_YYYY_MM_DD' end);
begin
    if (parent, unit) not in (
        ('fact_movie_daily', 'month'), ('raw_details', 'day'), ('raw_discover', 'day'), ('raw_export', 'day')
    ) then
        raise exception '% has no partitions by %', parent, unit;
    end if;
    perform pg_advisory_xact_lock(7308332001);
    -- A query, not to_regclass: that may not know yet what another session made before the lock was had.
    if not exists (
        select 1 from pg_catalog.pg_class as c
        inner join pg_catalog.pg_inherits as i on c.oid = i.inhrelid
        where c.relname = name and i.inhparent = parent::regclass
    ) then
        execute format('create table %I (like %I including defaults including constraints)', name, parent);
        execute format(
            'alter table %I attach partition %I for values from (%L) to (%L)', parent, name, first_day, next_day
        );
    end if;
end
$$;

revoke execute on function ensure_partition(text, text, date) from public;

comment on function ensure_partition(text, text, date) is
'Creates the partition (unit: month or day) of a table that holds a day, unless it is there.';
