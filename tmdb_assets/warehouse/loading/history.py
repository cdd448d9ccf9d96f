"""Merges answers into `movie_history`, so that its rows depend on the answers and not on the order of loads.

The history is a function of what each day's answers said of a film. It holds these days (`confirmed_dates`), so that a
load can take a film's answers out of its rows, exchange those of its own days, and make the rows again. Films of which
nothing changes are not written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from tmdb_assets.warehouse.ledger.details_due import removals
from tmdb_assets.warehouse.loading.merge import MergeCounts, take_turn
from tmdb_assets.warehouse.loading.staging import staging_name
from tmdb_assets.warehouse.schema.history import STATE, movie_history
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.schema.vocabulary import sql_type

COLUMNS = ", ".join(col.name for col in movie_history.columns)
STATE_COLUMNS = ", ".join(STATE)
ATTRIBUTES = [movie_history.c[name] for name in STATE if name != "is_removed"]
FROM_DETAILS = ", ".join(col.name for col in ATTRIBUTES)
UNKNOWN = ", ".join(f"cast(null as {sql_type(col)})" for col in ATTRIBUTES)

# Films that TMDb did not find, on these days or on others whose 404 was not recorded because the film was not known
# yet. A film that discover lists on the same day is not removed.
NOT_FOUND = """
select r.snapshot_date, r.movie_id
from raw_details as r
inner join dim_movie as m on m.movie_id = r.movie_id
where r.status_code = 404
and not exists (select 1 from raw_discover as d where d.snapshot_date = r.snapshot_date and d.movie_id = r.movie_id)
and (
    r.snapshot_date = any(:days)
    or not exists (
        select 1 from movie_history as h where h.movie_id = r.movie_id and r.snapshot_date = any(h.confirmed_dates)
    )
)
"""
# What the answers of these days say now, and what the history says that they said. An answer that is no longer stored
# (raw answers go after 180 days) is not replaced: what was known stays. An answer with which dim_movie rejected the
# film does not count: it would count only where another day made the film known, and dim_movie has another state.
MAKE_ANSWERS = f"""
create temp table history_answer on commit drop as
select movie_id, valid_from as day, {FROM_DETAILS}, false as is_removed
from (
    select distinct on (movie_id, valid_from) * from {staging_name(movie_history)}
    order by movie_id, valid_from, staged_number desc
) as staged
where not exists (
    select 1 from unnest(cast(:films as bigint[]), cast(:film_days as date[])) as n (movie_id, day)
    where n.movie_id = staged.movie_id and n.day = staged.valid_from
) and not exists (
    select 1
    from rejected_row as r
    where r.table_name = 'dim_movie' and r.snapshot_date = staged.valid_from
    and r.payload -> 'movie_id' = to_jsonb(staged.movie_id) and r.payload ->> 'details_date' is not null
)
union all
select movie_id, day, {UNKNOWN}, true
from unnest(cast(:films as bigint[]), cast(:film_days as date[])) as n (movie_id, day)
"""
MAKE_REPLACED = f"""
create temp table history_replaced on commit drop as
select h.movie_id, a.day, {STATE_COLUMNS}
from (
    select movie_id, snapshot_date as day from raw_details where snapshot_date = any(:days)
    union select movie_id, day from history_answer
) as a
inner join movie_history as h on h.movie_id = a.movie_id and a.day = any(h.confirmed_dates)
"""
MAKE_FILMS = """
create temp table history_film on commit drop as
select movie_id from ((table history_answer except table history_replaced)
    union all (table history_replaced except table history_answer)) as differing
group by movie_id
"""
MAKE_ROWS = f"""
create temp table history_row on commit drop as
with answer as (
    select h.movie_id, c.day, {STATE_COLUMNS}
    from movie_history as h
    inner join history_film as f on f.movie_id = h.movie_id
    cross join unnest(h.confirmed_dates) as c (day)
    where not exists (select 1 from history_replaced as r where r.movie_id = h.movie_id and r.day = c.day)
    union all
    select a.* from history_answer as a inner join history_film as f on f.movie_id = a.movie_id
),

compared as (
    select
        *,
        row({STATE_COLUMNS}) is distinct from lag(row({STATE_COLUMNS})) over (partition by movie_id order by day)
            as is_new
    from answer
),

numbered as (
    select *, count(*) filter (where is_new) over (partition by movie_id order by day) as number from compared
)

select
    movie_id,
    min(day) as valid_from,
    lead(min(day)) over (partition by movie_id order by number) as valid_to,
    {STATE_COLUMNS},
    array_agg(day order by day) as confirmed_dates
from numbered
group by movie_id, number, {STATE_COLUMNS}
"""
STORED = (
    f"select {', '.join(f'h.{col.name}' for col in movie_history.columns)} from movie_history as h inner join "
    "history_film as f on f.movie_id = h.movie_id"
)
# Rows that the films no longer have, or not so. The films' other rows are not touched.
DELETE = f"""
with former as (
    select movie_id, valid_from from (({STORED}) except select {COLUMNS} from history_row) as differing
)

delete from movie_history as h using former
where h.movie_id = former.movie_id and h.valid_from = former.valid_from
returning h.movie_id, h.valid_from
"""
INSERT = f"""
insert into movie_history ({COLUMNS})
select {COLUMNS} from (select {COLUMNS} from history_row except ({STORED})) as differing
order by movie_id, valid_from
returning movie_id, valid_from
"""


def days_to_load(connection: sa.Connection, day: dt.date) -> list[dt.date]:
    """The day, and before the first load all days whose answers are stored: the history begins with them."""
    if connection.scalar(sa.select(sa.exists().select_from(movie_history))):
        return [day]
    stored = connection.scalars(sa.select(raw_details.c.snapshot_date).distinct())
    return sorted({*stored, day})


def merge_history(connection: sa.Connection, days: Collection[dt.date]) -> MergeCounts:
    """Merge the staged answers of `days`, and their 404s, into the history.

    Of a film that was answered on one of the days, this answer replaces what an earlier load of the day recorded.
    """
    removed = _removed(connection, days)
    values = {"days": sorted(days), "films": [film for _, film in removed], "film_days": [day for day, _ in removed]}
    for statement in (MAKE_ANSWERS, MAKE_REPLACED, MAKE_FILMS, MAKE_ROWS):
        connection.execute(sa.text(statement), values)
    deleted = {tuple(row) for row in connection.execute(sa.text(DELETE))}
    inserted = {tuple(row) for row in connection.execute(sa.text(INSERT))}
    answers = sa.text(
        "select count(*) from history_answer as a where not exists "
        "(select 1 from history_film as f where f.movie_id = a.movie_id)"
    )
    unchanged = int(connection.scalar(answers) or 0)
    connection.exec_driver_sql("drop table history_answer, history_replaced, history_film, history_row")
    return MergeCounts(
        inserted=len(inserted - deleted),
        updated=len(inserted & deleted),
        unchanged=unchanged,
        deleted=len(deleted - inserted),
    )


def _removed(connection: sa.Connection, days: Collection[dt.date]) -> list[tuple[dt.date, int]]:
    """Days and films of 404s that are believed and not in the history yet, or of one of `days`."""
    found = [(day, film) for day, film in connection.execute(sa.text(NOT_FOUND), {"days": sorted(days)})]
    plausible = {day for day in {day for day, _ in found} if removals(connection, day).are_plausible}
    return sorted(pair for pair in found if pair[0] in plausible)


def forget_former_states(connection: sa.Connection, first_kept: dt.date) -> int:
    """Delete the states that ended on or before a day; return their number. A film's newest state always stays."""
    take_turn(connection, movie_history, None)
    return connection.execute(movie_history.delete().where(movie_history.c.valid_to <= first_kept)).rowcount
