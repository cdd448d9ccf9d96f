"""The asset of a day's quality: it measures the day, and judges the measures by the checks that know the domain.

One step for all of them: a step of its own for each would cost a run a second.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetExecutionContext, ResourceParam

from tmdb_assets.assets.declare import day_of, table_asset
from tmdb_assets.assets.publish import SHOWN_VIOLATIONS, AssetEvent, check_result, materialized, violations_table
from tmdb_assets.checks.domain import CHECKS, DomainCheck
from tmdb_assets.errors.problem import plain
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.loading.measures import Measures, measure_day, read_measures
from tmdb_assets.warehouse.schema import quality
from tmdb_assets.warehouse.warehouse import Warehouse

NAME = quality.quality_measure.name
SPECS = {check.name: AssetCheckSpec(check.name, asset=NAME, description=check.description) for check in CHECKS}
MADE_FROM = [
    "raw_discover",
    "raw_details",
    "raw_export",
    "raw_reference",
    "dim_movie",
    "dim_genre",
    "dim_country",
    "dim_language",
    "bridge_movie_genre",
    "bridge_movie_company",
    "bridge_movie_country",
    "bridge_movie_language",
    "bridge_movie_cast",
    "bridge_movie_crew",
    "bridge_movie_keyword",
    "movie_release",
    "movie_history",
    "fact_movie_daily",
]


@table_asset(quality.quality_measure, daily=True, deps=MADE_FROM, checks=tuple(SPECS.values()))
def quality_measure(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> Iterator[AssetEvent]:
    """The day's measures, and the verdict of each check on them."""
    day, table = day_of(context), quality.quality_measure
    with warehouse.begin() as connection:
        counts, rows = measure_day(connection, day)
    with warehouse.begin() as connection:
        measures = read_measures(connection, day)
        results = [judge(check, measures, warehouse, connection) for check in CHECKS]
    yield materialized(Loaded(table, received=rows, counts=counts), rows)
    yield from results


def judge(check: DomainCheck, measures: Measures, warehouse: Warehouse, connection: sa.Connection) -> AssetCheckResult:
    """The result of one check: what is wrong and what to do, with films to look at."""
    fault = check.judge(measures, warehouse.settings)
    shown = {}
    if fault and check.films:
        found = connection.scalars(sa.text(check.films), {"day": measures.day, "shown": SHOWN_VIOLATIONS})
        shown["movie_ids"] = violations_table("movie_id", [str(film) for film in found])
    text = f"{_sentence(plain(fault))} What to do: {check.advice}" if fault else check.says
    severity = AssetCheckSeverity.ERROR if check.is_error else AssetCheckSeverity.WARN
    return check_result(SPECS[check.name], not fault, text, severity, **shown)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
