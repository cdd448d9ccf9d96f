-- The histories of the films whose details came that day; the others are as the days before left them. Compared are the
-- columns of a state that dim_movie has from details alone: discover may have brought it a later release date.
with film as materialized (
    select
        m.movie_id,
        m.status,
        m.runtime_minutes,
        m.budget_usd,
        m.revenue_usd,
        m.collection_id
    from raw_details as d
    inner join dim_movie as m on d.movie_id = m.movie_id
    where d.snapshot_date = :day and m.details_date is not null
),

chained as materialized (
    select
        h.movie_id,
        h.valid_to,
        h.is_removed,
        h.status,
        h.runtime_minutes,
        h.budget_usd,
        h.revenue_usd,
        h.collection_id,
        lead(h.valid_from) over (partition by h.movie_id order by h.valid_from) as next_from
    from movie_history as h
    where h.movie_id in (select f.movie_id from film as f)
)

select
    'history' as measure,
    'films' as subject,
    count(*)::double precision as figure
from film
union all
select
    'history' as measure,
    'broken' as subject,
    count(distinct c.movie_id) as figure
from chained as c
where c.valid_to is distinct from c.next_from
union all
select
    'history' as measure,
    'without' as subject,
    count(*) as figure
from film as f
where
    not exists (
        select 1 from chained as c
        where c.movie_id = f.movie_id
    )
union all
select
    'history' as measure,
    'differing' as subject,
    count(*) as figure
from film as f
inner join chained as c on f.movie_id = c.movie_id
where
    c.next_from is null and not c.is_removed
    and (c.status, c.runtime_minutes, c.budget_usd, c.revenue_usd, c.collection_id)
    is distinct from (f.status, f.runtime_minutes, f.budget_usd, f.revenue_usd, f.collection_id)
