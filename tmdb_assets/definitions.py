"""The one place where everything is wired together: assets, checks, jobs, schedules, sensors and resources."""

from __future__ import annotations

import inspect
from typing import Any

from dagster import (
    Definitions,
    Field,
    InitResourceContext,
    ResourceDefinition,
    definitions,
    in_process_executor,
)

from tmdb_assets.assets.continents import country_continent
from tmdb_assets.assets.dashboard import dashboard
from tmdb_assets.assets.day_details import DayDetails
from tmdb_assets.assets.details_tables import bridge_assets, own_assets
from tmdb_assets.assets.dimensions import (
    dim_company,
    dim_country,
    dim_date,
    dim_genre,
    dim_keyword,
    dim_language,
    dim_movie,
    dim_person,
)
from tmdb_assets.assets.fact import fact_movie_daily
from tmdb_assets.assets.forecast import forecast_movie_daily
from tmdb_assets.assets.history import movie_history
from tmdb_assets.assets.optional.digest import build_digest
from tmdb_assets.assets.optional.parquet_export import build_export
from tmdb_assets.assets.quality_report import quality_report
from tmdb_assets.assets.raw import raw_details, raw_discover, raw_export, raw_reference
from tmdb_assets.assets.reports import report_assets
from tmdb_assets.assets.similar import movie_similar
from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.assets.views import mart_assets
from tmdb_assets.checks.quality import quality_measure
from tmdb_assets.checks.star import CHECKS
from tmdb_assets.fetch.progress import LogProgress
from tmdb_assets.orchestration.automation import (
    alerts,
    backfill,
    daily,
    daily_schedule,
    digest_schedule,
    gap_filler,
    retention,
    retention_schedule,
    send_digest,
)
from tmdb_assets.orchestration.webhook import post
from tmdb_assets.settings import Settings, get_settings
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
    dim_person,
    dim_keyword,
    dim_movie,
    *bridge_assets,
    *own_assets,
    movie_history,
    fact_movie_daily,
    quality_measure,
    *mart_assets,
    *report_assets,
    dashboard,
    quality_report,
]
SWITCHED = {"forecast_movie_daily": forecast_movie_daily, "movie_similar": movie_similar}
"""The assets of tables that can be switched off."""


def build_definitions(settings: Settings | None = None, **overrides: Any) -> Definitions:
    """All definitions for a deployment's settings (default: those of the environment).

    `overrides` replace resources by name (`warehouse`, `tmdb`, `details`, `progress`). Nothing is connected, started or
    requested until an asset runs. Raises `SettingsError` for a variable of the environment that cannot be used.
    """
    settings = settings or get_settings()
    switched = [build for name, build in SWITCHED.items() if name not in settings.left_out]
    assets = [build(settings) for build in (*ASSETS, *switched)]
    if settings.export_folder is not None:
        assets.append(build_export(made.key.to_user_string() for made in assets)(settings))
    is_sent = settings.digest != "off"
    if is_sent:
        assets.append(build_digest(post)(settings))
    resources = {
        "warehouse": Warehouse(settings=settings),
        "tmdb": TmdbSource(settings),
        "details": DayDetails(),
        "progress": LogProgress(),
        **overrides,
    }
    return Definitions(
        assets=assets,
        asset_checks=[build(settings) for build in CHECKS],
        jobs=[daily, backfill, retention, *([send_digest] if is_sent else [])],
        schedules=[daily_schedule, retention_schedule, *([digest_schedule(settings)] if is_sent else [])],
        sensors=[gap_filler, alerts],
        resources={name: _named(resource, settings) for name, resource in resources.items()},
        executor=in_process_executor,
    )


def _named(resource: Any, settings: Settings) -> ResourceDefinition:
    """The resource as the UI shows it: its class, what it is for, and the settings that it has, without any secret."""

    def provide(_context: InitResourceContext) -> Any:
        return resource

    provide.__module__, provide.__name__ = type(resource).__module__, type(resource).__name__
    shown = resource.describe(settings) if isinstance(resource, Warehouse | TmdbSource) else {}
    fields = {name: Field(type(value), default_value=value, is_required=False) for name, value in shown.items()}
    return ResourceDefinition(provide, config_schema=fields, description=inspect.getdoc(type(resource)))


@definitions
def defs() -> Definitions:
    """What Dagster loads, by the name of this module in workspace.yaml: only then the environment is read."""
    return build_definitions()
