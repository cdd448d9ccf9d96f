create or replace view vw_load_status as
select
    d.date_id,
    d.loaded_at,
    d.discover_count + d.export_count as n_movies,
    round(d.discover_count::numeric / nullif(d.discover_count + d.export_count, 0), 4) as discover_share,
    round(d.export_count::numeric / nullif(d.discover_count + d.export_count, 0), 4) as export_share,
    (
        select count(*)
        from rejected_row as r
        where r.snapshot_date = d.date_id
    ) as n_rejected_rows,
    (
        select coalesce(sum(f.request_count), 0)::bigint
        from fetch_log as f
        where f.snapshot_date = d.date_id
    ) as n_requests
from load_day as d;

comment on view vw_load_status is
'One row per loaded day: number of films, their sources, rejected rows and requests.';
comment on column vw_load_status.date_id is 'The day (UTC).';
comment on column vw_load_status.n_movies is 'Films in fact_movie_daily.';
comment on column vw_load_status.discover_share is 'Share of films from discover, 0 to 1.';
comment on column vw_load_status.export_share is 'Share of films from the daily export (popularity only), 0 to 1.';
comment on column vw_load_status.n_rejected_rows is 'Rows of the day in rejected_row, over all tables.';
comment on column vw_load_status.n_requests is 'Requests sent to TMDb for the day, retries included.';
comment on column vw_load_status.loaded_at is 'When the day''s facts were last loaded (UTC).';
