"""Checks of the star schema across tables: reconciliation, coverage and freshness."""

import datetime as dt

import sqlalchemy as sa
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    ResourceParam,
    TableMetadataValue,
)

from tmdb_assets import partitions
from tmdb_assets.assets.declare import declared_check
from tmdb_assets.assets.publish import SHOWN_VIOLATIONS, violations_table
from tmdb_assets.checks.latest_state import latest_state_agrees
from tmdb_assets.warehouse.loading.latest_state import NEWEST_DAY
from tmdb_assets.warehouse.warehouse import Warehouse

# Films in the day's discover that are neither facts nor rejected rows, and films whose fact has other figures than the
# raw answer. An answer that came after the day's last load began is not compared: its own load is still to come.
LOST_FILMS = """
select count(*) over () as films, d.movie_id
from (
    select r.movie_id
    from raw_discover as r
    left join fact_movie_daily as f on f.date_id = :day and f.movie_id = r.movie_id
    where r.snapshot_date = :day
    and (
        f.movie_id is null
        or (
            (f.popularity, f.vote_count, f.vote_average) is distinct from
            (r.popularity, r.vote_count, case when r.vote_count > 0 then r.vote_average end)
            and r.fetched_at < (select l.loaded_at from load_day as l where l.date_id = :day)
        )
    )
    union all
    select r.movie_id
    from raw_export as r
    inner join fact_movie_daily as f on f.date_id = :day and f.movie_id = r.movie_id
    where r.snapshot_date = :day and f.source = 'export' and f.popularity <> r.popularity
    and (select x.finished_at from fetch_log as x where x.snapshot_date = :day and x.kind = 'export')
        < (select l.loaded_at from load_day as l where l.date_id = :day)
) as d
where not exists (
    select 1
    from rejected_row as r
    where r.table_name = 'fact_movie_daily' and r.snapshot_date = :day
    and r.payload ->> 'movie_id' = d.movie_id::text
)
order by d.movie_id
limit :shown
"""

# Films of the day that have never had details.
BARE_FILMS = """
select count(*) over () as films, m.movie_id
from dim_movie as m
inner join raw_discover as d on d.movie_id = m.movie_id and d.snapshot_date = :day
where m.details_date is null and m.removed_date is null
order by m.movie_id
limit :shown
"""

COUNTRIES_WITHOUT_CONTINENT = """
select c.iso_3166_1
from dim_country as c
where c.continent is null
and exists (select 1 from bridge_movie_country as b where b.iso_3166_1 = c.iso_3166_1)
order by c.iso_3166_1
"""


def _find_films(
    warehouse: Warehouse, query: str, context: AssetCheckExecutionContext
) -> tuple[int, TableMetadataValue]:
    """How many films a query finds on the day of the partition, and the table of their ids to show."""
    with warehouse.begin() as connection:
        found = connection.execute(sa.text(query), {"day": context.partition_key, "shown": SHOWN_VIOLATIONS}).all()
    return (found[0].films if found else 0), violations_table("movie_id", [str(row.movie_id) for row in found])


@declared_check(
    "fact_movie_daily",
    name="every_discover_film_is_there",
    blocking=True,
    daily=True,
    description="The day's fact contains every film that raw_discover accepted, and each film's figures are those of "
    "raw_discover or raw_export. If not: materialize dim_movie and fact_movie_daily for the day again.",
)
def every_discover_film_is_there(
    context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]
) -> AssetCheckResult:
    """Fail when films of the day are missing from the fact without a reason, or have other figures there."""
    lost, shown = _find_films(warehouse, LOST_FILMS, context)
    text = "Every film in the day's discover is in the fact with its figures, or in rejected_row with its reasons."
    if lost:
        text = (
            f"{lost} films of the day are not in fact_movie_daily, or not with their figures. Materialize dim_movie "
            "and fact_movie_daily for this day again; if they are still missing, look at the log of both steps."
        )
    return AssetCheckResult(
        passed=not lost,
        severity=AssetCheckSeverity.ERROR,
        description=text,
        metadata={"missing": lost, "movie_ids": shown},
    )


@declared_check(
    "dim_movie",
    name="films_have_details",
    daily=True,
    description="Every film of the day has details. If not: run the day again before midnight UTC; only the missing "
    "details are requested.",
)
def films_have_details(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
    """Warn about films of the day that are known only from discover."""
    bare, shown = _find_films(warehouse, BARE_FILMS, context)
    text = "Every film of the day has details."
    if bare:
        text = (
            f"{bare} films of the day have no details (budget, runtime, companies ...). They still have a "
            "fact. Another run before midnight UTC requests those that did not answer; those whose answer "
            "broke the contract of dim_movie are in rejected_row: tmdb-assets run --refresh requests them again."
        )
    return AssetCheckResult(
        passed=not bare,
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"without_details": bare, "movie_ids": shown},
    )


@declared_check(
    "dim_country",
    name="countries_in_use_have_a_continent",
    additional_deps=["bridge_movie_country"],
    description="Every country of a film has a continent. If not: add the codes to "
    "data/country_continent.csv and materialize country_continent; until then vw_continent_popularity omits them.",
)
def countries_in_use_have_a_continent(warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
    """Warn about countries without a continent: vw_continent_popularity omits them, everything else is right."""
    with warehouse.begin() as connection:
        codes = list(connection.scalars(sa.text(COUNTRIES_WITHOUT_CONTINENT)))
    text = "Every country in use has a continent."
    if codes:
        text = (
            f"No continent for {', '.join(codes[:20])}. Add a line for each to data/country_continent.csv and "
            "materialize country_continent; dim_country follows at once."
        )
    return AssetCheckResult(
        passed=not codes,
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"codes": violations_table("iso_3166_1", codes)},
    )


@declared_check(
    "fact_movie_daily",
    name="today_is_there",
    description="Today's partition is loaded. If not: materialize today's partition (job daily), or look on the Runs "
    "page for why it failed; the schedule loads it at 09:00 UTC.",
)
def today_is_there(warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
    """Warn when the newest loaded day is not today."""
    today = partitions.today()
    with warehouse.begin() as connection:
        newest: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
    passed = newest is not None and newest >= today
    text = f"Today, {today}, is loaded."
    if not passed:
        text = (
            f"Today, {today}, is not loaded yet; the newest day is {newest or 'none'}. Materialize today's partition "
            "(tmdb-assets run); the schedule does so at 09:00 UTC when the daemon runs."
        )
    return AssetCheckResult(
        passed=passed,
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"newest_day": str(newest), "today": str(today)},
    )


CHECKS = [
    every_discover_film_is_there,
    films_have_details,
    countries_in_use_have_a_continent,
    today_is_there,
    latest_state_agrees,
]
