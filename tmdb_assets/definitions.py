"""The only place where all is wired together: assets, checks, jobs, schedule and resources."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, in_process_executor, with_source_code_references

from tmdb_assets.assets.bridges import bridge_assets
from tmdb_assets.assets.continents import country_continent
from tmdb_assets.assets.dashboard import dashboard
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.dimensions import dim_company, dim_country, dim_date, dim_genre, dim_language, dim_movie
from tmdb_assets.assets.fact import fact_movie_daily
from tmdb_assets.assets.own import own_assets
from tmdb_assets.assets.raw import raw_details, raw_discover, raw_export, raw_reference
from tmdb_assets.assets.reports import report_assets
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.assets.views import mart_assets
from tmdb_assets.checks.star import CHECKS
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.orchestration.automation import (
    alerts,
    backfill,
    daily,
    daily_schedule,
    gap_filler,
    retention,
    retention_schedule,
)
from tmdb_assets.warehouse.warehouse import Warehouse

ASSETS = [
    raw_discover,
    raw_details,
    raw_export,
    raw_reference,
    country_continent,
    dim_date,
    dim_genre,
    dim_company,
    dim_country,
    dim_language,
    dim_movie,
    *bridge_assets,
    *own_assets,
    fact_movie_daily,
    *mart_assets,
    *report_assets,
    dashboard,
]


def build_definitions(**overrides: Any) -> Definitions:
    """All definitions; `overrides` replace resources by name (`warehouse`, `tmdb`, `details`, `progress`).

    Nothing is connected, started or asked until an asset runs.
    """
    resources: dict[str, Any] = {
        "warehouse": Warehouse(),
        "tmdb": TmdbSource(),
        "details": DayDetails(),
        "progress": LogProgress(),
        **overrides,
    }
    return Definitions(
        assets=with_source_code_references(ASSETS),
        asset_checks=CHECKS,
        jobs=[daily, backfill, retention],
        schedules=[daily_schedule, retention_schedule],
        sensors=[gap_filler, alerts],
        resources=resources,
        executor=in_process_executor,
    )


defs = build_definitions()
