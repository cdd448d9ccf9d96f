-- Runs as its owner, like ensure_partition: only the owner of a partition may drop it. Its only argument is a day, and
-- it drops only partitions of raw answers.
create or replace function drop_raw_partitions(before date) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    partition_name text;
begin
    for partition_name in
        select c.relname
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on i.inhrelid = c.oid
        inner join pg_catalog.pg_class as p on i.inhparent = p.oid
        where
            p.relnamespace = 'public'::regnamespace
            and c.relnamespace = p.relnamespace
            and p.relname in ('raw_details', 'raw_discover', 'raw_export')
            and case
                when c.relname::text ~ '_\d{4}_\d\d_\d\d$' then to_date(right(c.relname::text, 10), 'YYYY_MM_DD') < before
            end
        order by right(c.relname::text, 10), c.relname
    loop
        begin
            execute format('drop table public.%I', partition_name);
        exception
            when lock_not_available then return; -- in use, for example by a backup; the next call drops it
        end;
        return next partition_name;
    end loop;
end
$$;

revoke execute on function drop_raw_partitions(date) from public;

comment on function drop_raw_partitions(date) is
'Drops the partitions of raw answers of the days before a date; returns their names.';
