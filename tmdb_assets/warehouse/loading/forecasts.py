"""Reads the facts that count for forecasts, and replaces the rows of the origins that are computed again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmdb_assets.transforms.conform import Row
from tmdb_assets.transforms.forecast import BACKTEST_DAYS, DAYS_BEFORE, FILMS, LAST_VALUE
from tmdb_assets.warehouse.loading.merge import MergeCounts, merge
from tmdb_assets.warehouse.loading.staging import staging_name
from tmdb_assets.warehouse.read_popularity import read_popularity
from tmdb_assets.warehouse.schema.vocabulary import key_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_DAYS = 90
FORMULA = 1
"""Raised when the models or the scores change, so that all origins are computed again."""
DUE = """
with origin as (
    select o.date_id, md5(string_agg(d.date_id || ' ' || d.loaded_at, ',' order by d.date_id) || :formula) as facts_hash
    from load_day as o
    inner join load_day as d on d.date_id between o.date_id - :days_before and o.date_id
    where o.date_id > (select max(n.date_id) from load_day as n) - :kept
    group by o.date_id
)

select o.date_id, o.facts_hash
from origin as o
where not exists (
    select 1 from forecast_score as s where s.origin_date = o.date_id and s.facts_hash = o.facts_hash
)
order by o.date_id
"""
TOP_FILMS = """
select d.date_id, array(
    select f.movie_id from fact_movie_daily as f where f.date_id = d.date_id
    order by f.popularity desc, f.movie_id asc limit :films
) as films
from load_day as d
where d.date_id between :first and :last
"""
FORMER_REJECTED = """
delete from rejected_row
where table_name = :name
and (
    snapshot_date = any(:origins)
    or snapshot_date <= (select max(date_id) from load_day) - :kept
)
"""
SCORES = """
select model, horizon, origin_count, wape, is_published
from forecast_score
where origin_date = (select max(date_id) from load_day)
order by horizon, model
"""
# Of the last value's own forecasts both errors are the same.
PUBLISHED = """
select
    f.horizon,
    count(*) as pairs,
    sum(abs(f.popularity - a.popularity)) as missed,
    sum(abs(o.popularity - a.popularity)) as missed_by_last_value,
    sum(a.popularity) as came
from (select max(date_id) as day from load_day) as n
inner join forecast_movie_daily as f on f.origin_date >= n.day - :days and f.origin_date + f.horizon <= n.day
inner join fact_movie_daily as a on f.movie_id = a.movie_id and f.origin_date + f.horizon = a.date_id
inner join fact_movie_daily as o on f.movie_id = o.movie_id and f.origin_date = o.date_id
where f.model <> :last_value
and a.date_id > (select max(date_id) from load_day) - :days
and o.date_id >= (select max(date_id) from load_day) - :days
group by f.horizon
order by f.horizon
"""


@dataclass
class History:
    """Popularity of films by day from `first` on (NaN is a gap), and each day's most popular films as sorted rows."""

    first: dt.date
    movie_ids: NDArray[np.int64]
    popularity: NDArray[np.float64]
    top: dict[int, NDArray[np.int64]]

    def of(self, column: int) -> NDArray[np.float64]:
        """The rows of the films that are the most popular on the day of a column."""
        return self.popularity[self.top[column]]


def due_origins(connection: sa.Connection) -> dict[dt.date, str]:
    """The days whose forecasts are missing or made from earlier loads of their facts, and a hash of the loads now.

    Read it before the facts: what is loaded in between has another hash, and its origins are due again.
    """
    values = {"days_before": DAYS_BEFORE, "kept": KEPT_DAYS, "formula": FORMULA}
    return {row.date_id: row.facts_hash for row in connection.execute(sa.text(DUE), values)}


def read_history(connection: sa.Connection, first_origin: dt.date, last: dt.date) -> History:
    """The facts that count for the origins from `first_origin` to `last`, and nothing after it."""
    import numpy as np

    first = first_origin - dt.timedelta(days=DAYS_BEFORE)
    backtest = first_origin - dt.timedelta(days=BACKTEST_DAYS)
    found = connection.execute(sa.text(TOP_FILMS), {"first": backtest, "last": last, "films": FILMS}).all()
    tops = {(row.date_id - first).days: np.sort(np.array(row.films, dtype=np.int64)) for row in found}
    movie_ids = np.unique(np.concatenate(list(tops.values())))
    facts = read_popularity(connection, movie_ids.tolist(), first, last)
    popularity = np.full((len(movie_ids), (last - first).days + 1), np.nan)
    columns = (facts["date_id"] - np.datetime64(first, "s")).astype("timedelta64[D]").astype(int)
    popularity[np.searchsorted(movie_ids, facts["movie_id"]), columns] = facts["popularity"]
    return History(
        first, movie_ids, popularity, {column: np.searchsorted(movie_ids, films) for column, films in tops.items()}
    )


def replace_origins(connection: sa.Connection, table: sa.Table, origins: Collection[dt.date]) -> MergeCounts:
    """Replace the rows of the origins that were made, and delete those of origins that are too old.

    So go their rejected rows, each under its origin; those of origins that were not made stay.
    """
    same_key = " and ".join(f"s.{name} = t.{name}" for name in key_columns(table))
    too_old = f"delete from {table.name} where origin_date <= (select max(date_id) from load_day) - :kept"
    no_longer_made = (
        f"delete from {table.name} as t where t.origin_date = any(:origins) "
        f"and not exists (select 1 from {staging_name(table)} as s where {same_key})"
    )
    deleted = connection.execute(sa.text(too_old), {"kept": KEPT_DAYS}).rowcount
    deleted += connection.execute(sa.text(no_longer_made), {"origins": list(origins)}).rowcount
    values = {"name": table.name, "origins": list(origins), "kept": KEPT_DAYS}
    connection.execute(sa.text(FORMER_REJECTED), values)
    return replace(merge(connection, table), deleted=deleted)


def origin_of(row: Row) -> dt.date:
    """The day of origin of a row, also of a rejected one, in which dates are text."""
    return dt.date.fromisoformat(str(row["origin_date"])[:10])


def read_scores(connection: sa.Connection) -> list[dict[str, Any]]:
    """The scores at the newest day, by horizon and model."""
    return [dict(row._mapping) for row in connection.execute(sa.text(SCORES))]


def read_published(connection: sa.Connection) -> list[dict[str, Any]]:
    """How far the stored forecasts of the past 28 days by other models than the last value missed what came.

    By horizon: the number of forecasts, their absolute errors, those that the last value would have had, and what came.
    """
    values = {"days": BACKTEST_DAYS, "last_value": LAST_VALUE}
    return [dict(row._mapping) for row in connection.execute(sa.text(PUBLISHED), values)]
