"""Jobs and the daily schedule. Everything runs in process: on two cores a step in its own process costs seconds."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleEvaluationContext,
    define_asset_job,
    in_process_executor,
    schedule,
)

SCHEDULE_CRON = "0 9 * * *"  # an hour after the day's id export is there
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
