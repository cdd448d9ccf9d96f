"""Jobs and the daily schedule. Everything runs in process: on two cores a step in its own process costs seconds."""

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
    sensor,
)

from tmdb_assets import partitions
from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.fact import load_day
from tmdb_assets.warehouse.resource import Warehouse

SCHEDULE_CRON = "0 9 * * *"  # an hour after the day's id export is there
EXPORT_KEPT_DAYS = 88  # TMDb keeps its exports for about three months
UNPARTITIONED_ONLY_IN_DAILY = ("marts", "reports")

daily = define_asset_job(
    "daily",
    selection=AssetSelection.all(),
    executor_def=in_process_executor,
    description="The whole day: fetch, load, views, charts. A past day is rebuilt from what was stored on it.",
)

backfill = define_asset_job(
    "backfill",
    selection=AssetSelection.all()
    - AssetSelection.groups(*UNPARTITIONED_ONLY_IN_DAILY)
    - AssetSelection.groups("reference")
    - AssetSelection.assets("dim_date")
    - AssetSelection.checks_for_assets("dim_date"),
    executor_def=in_process_executor,
    description="The partitioned assets only: past days from what was stored on them, without views and charts.",
)


@schedule(
    job=daily,
    cron_schedule=SCHEDULE_CRON,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Materializes the partition of the tick's own date at 09:00 UTC.",
)
def daily_schedule(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
    """One run for the UTC date of the tick: the day that TMDb can still be asked about."""
    day = context.scheduled_execution_time.date().isoformat()
    yield RunRequest(run_key=day, partition_key=day)


@sensor(
    job=backfill,
    minimum_interval_seconds=300,
    default_status=DefaultSensorStatus.RUNNING,
    description="Fills days that were slept through: each missing day between the first loaded one and yesterday is "
    "loaded from its id export, once, oldest first.",
)
def gap_filler(warehouse: ResourceParam[Warehouse]) -> Iterator[RunRequest | SkipReason]:
    """One run for each missing day that TMDb still has an export of."""
    with warehouse.begin() as connection:
        missing = missing_days(connection, partitions.today())
    if not missing:
        yield SkipReason("No day is missing.")
    for day in missing:
        yield RunRequest(run_key=f"gap-{day}", partition_key=day.isoformat())


def missing_days(connection: sa.Connection, today: dt.date) -> list[dt.date]:
    """Days without facts between the first loaded day and yesterday, as far back as exports are kept, oldest first."""
    loaded = set(connection.scalars(sa.select(load_day.c.date_id)))
    if not loaded:
        return []
    first = max(min(loaded), today - dt.timedelta(days=EXPORT_KEPT_DAYS), get_settings().tmdb_first_day)
    days = [first + dt.timedelta(days=number) for number in range((today - first).days)]
    return [day for day in days if day not in loaded]
