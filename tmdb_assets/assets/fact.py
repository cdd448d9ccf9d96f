"""The asset of the fact: each film's popularity and votes per day; the same transaction updates its latest state."""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial

import sqlalchemy as sa
from dagster import AssetExecutionContext, ResourceParam

from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.details_tables import conformed
from tmdb_assets.assets.failures import MissingDayError
from tmdb_assets.assets.publish import AssetEvent, publish
from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.discover import fact_rows
from tmdb_assets.warehouse.ledger.check_results import forget_unneeded, tables_behind
from tmdb_assets.warehouse.loading.latest_state import ensure_day, keep_latest
from tmdb_assets.warehouse.loading.load import Again, count_rows, load
from tmdb_assets.warehouse.schema import fact
from tmdb_assets.warehouse.warehouse import Warehouse

ROWS_A_CHUNK = 50_000

# The day's discover rows, and for known films outside discover the popularity of the day's export.
MEASURES = """
select movie_id, popularity, vote_average, vote_count, 'discover' as source
from raw_discover
where snapshot_date = :day
union all
select e.movie_id, e.popularity, null, null, 'export'
from raw_export as e
where e.snapshot_date = :day
and not exists (select 1 from raw_discover as d where d.snapshot_date = :day and d.movie_id = e.movie_id)
order by movie_id
"""
MEASURES_OF = f"select * from ({MEASURES}) as m where m.movie_id = any(:films)"  # noqa: S608 - both are constants

# Rows that loaded days rejected for lack of their film, whose answer was rejected too, and that is known now.
FILMS_KNOWN_SINCE = """
select r.snapshot_date, array_agg(r.id::text order by r.id), array_agg(m.movie_id order by r.id)
from rejected_row as r
inner join load_day as d on d.date_id = r.snapshot_date
inner join dim_movie as m on m.movie_id = (r.payload ->> 'movie_id')::bigint
where r.table_name = 'fact_movie_daily' and r.reasons @> '[{"rule": "movie_id is in dim_movie"}]'
group by r.snapshot_date
order by r.snapshot_date
"""


@table_asset(fact.fact_movie_daily, daily=True, deps=["raw_discover", "raw_export", "dim_movie", "dim_date"])
def fact_movie_daily(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """The day's facts from its discover and export rows, and those of loaded days whose films became known since.

    Raises `MissingDayError` for a day that would have none.
    """
    day, table = day_of(context), fact.fact_movie_daily
    with warehouse.begin() as connection:
        ensure_day(connection, day)
        parts = sorted(tables_behind(connection, day, day).get(day, set()) & {"raw_discover", "raw_details"})
    if parts:  # only where they are not materialized by this run
        context.log.warning(
            f"{' and '.join(parts)} of {day} may have only a part of the day: the step never ended well. The facts are "
            f"of that part; run the whole day again, else the gap filler does: tmdb-assets run --date {day}"
        )
    frames = conformed(table, _measures(warehouse, day))
    yield from publish(warehouse, table, frames, day=day, afterwards=partial(_keep_day, day=day))
    for other in _load_films_known_since(warehouse):
        context.log.info(f"{other} has its facts of films that became known since it was loaded")


def _keep_day(connection: sa.Connection, day: dt.date) -> None:
    if not count_rows(connection, fact.fact_movie_daily, day):  # a loaded day keeps its facts without its answers
        raise MissingDayError(
            f"{day} cannot be loaded: neither discover nor the id export of that day brought a known film",
            cause="no film of the day is stored",
        )
    forget_unneeded(connection, day)
    keep_latest(connection, day)


def _load_films_known_since(warehouse: Warehouse) -> Iterator[dt.date]:
    """Submit again what days rejected for lack of a film that is known now: else their facts depend on the order."""
    table = fact.fact_movie_daily
    with warehouse.begin() as connection:
        found = connection.execute(sa.text(FILMS_KNOWN_SINCE)).all()
    for day, ids, films in found:
        frames = conformed(table, _measures(warehouse, day, films))
        with warehouse.begin() as connection:
            load(connection, table, frames, day=day, again=Again(ids, is_final=True))
            keep_latest(connection, day)
        yield day


def _measures(warehouse: Warehouse, day: dt.date, films: Sequence[int] = ()) -> Iterator[list[Row]]:
    """The day's figures, only of these films if any are given."""
    query, given = (MEASURES_OF, {"day": day, "films": [*films]}) if films else (MEASURES, {"day": day})
    with warehouse.begin() as connection:
        streamed = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(sa.text(query), given)
        for chunk in streamed.partitions(ROWS_A_CHUNK):
            yield fact_rows((tuple(row) for row in chunk), day)
