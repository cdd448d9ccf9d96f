"""Jobs and the daily schedule. Everything runs in process: on two cores a step in its own process costs seconds."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from dagster import (
    AssetKey,
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
from tmdb_assets.warehouse import books
from tmdb_assets.warehouse.fact import load_day
from tmdb_assets.warehouse.resource import Warehouse

SCHEDULE_CRON = "0 9 * * *"  # an hour after the day's id export is there
EXPORT_KEPT_DAYS = 88  # TMDb keeps its exports for about three months
FROM_EXPORT = ("raw_export", "fact_movie_daily")  # what a past day from its export needs
ASK_EXPORT_AGAIN = {"ops": {"raw_export": {"config": {"refresh": True}}}}
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
    "loaded from its id export, and a day that was loaded before its export was there gets it, once, oldest first.",
)
def gap_filler(warehouse: ResourceParam[Warehouse]) -> Iterator[RunRequest | SkipReason]:
    """One run for each day that lacks its facts, or the export's part of them, and that TMDb still has an export of."""
    with warehouse.begin() as connection:
        gaps = find_gaps(connection, partitions.today())
    if not gaps:
        yield SkipReason("No day is missing.")
    for gap in gaps:
        if gap.is_loaded:
            yield RunRequest(
                run_key=f"export-{gap.day}",
                partition_key=gap.day.isoformat(),
                asset_selection=[AssetKey(name) for name in FROM_EXPORT],
                run_config=ASK_EXPORT_AGAIN,
            )
        else:
            yield RunRequest(run_key=f"gap-{gap.day}", partition_key=gap.day.isoformat())


class Gap(NamedTuple):
    """A past day without facts; or `is_loaded`, from discover alone, as its export was not there yet."""

    day: dt.date
    is_loaded: bool


def find_gaps(connection: sa.Connection, today: dt.date) -> list[Gap]:
    """The gaps between the first loaded day and yesterday, as far back as exports are kept, oldest first."""
    loaded = set(connection.scalars(sa.select(load_day.c.date_id)))
    if not loaded:
        return []
    exported = books.exported_days(connection)
    first = max(min(loaded), today - dt.timedelta(days=EXPORT_KEPT_DAYS), get_settings().tmdb_first_day)
    days = [first + dt.timedelta(days=number) for number in range((today - first).days)]
    return [Gap(day, day in loaded) for day in days if not (day in loaded and day in exported)]
