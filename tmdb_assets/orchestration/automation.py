"""Jobs, schedules and sensors: the day, the gap filler, alerts, retention.

Everything runs in process: a process for each step would cost seconds on two cores.
"""

import datetime as dt
from collections.abc import Iterator

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    OpExecutionContext,
    RepositoryDefinition,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    build_resources,
    define_asset_job,
    in_process_executor,
    job,
    op,
    schedule,
    sensor,
)

from tmdb_assets import partitions
from tmdb_assets.assets.declare import DIGEST_GROUP, REPORTS_GROUP
from tmdb_assets.instance.cancelled import WHOLE, cancelled_days, runs_by_day
from tmdb_assets.orchestration.alerts import send_pending
from tmdb_assets.orchestration.gaps import describe_cancelled, describe_days, due_gaps, find_gaps
from tmdb_assets.orchestration.past_days import FROM_EXPORT, days_from_export, whole_day_from_export
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.retention import drop_old_raw
from tmdb_assets.warehouse.warehouse import Warehouse

SCHEDULE_CRON = "0 9 * * *"  # an hour after the day's id export is published
EVENTS_KEPT = dt.timedelta(days=90)  # what the steps of a run did and logged
DIGEST_CRON = {"daily": "0 12 * * *", "weekly": "0 12 * * 1"}
RETENTION_CRON = "0 10 * * *"
REFRESH_EXPORT = {"ops": {"raw_export": {"config": {"refresh": True}}}}
UNPARTITIONED_ONLY_IN_DAILY = ("derived", "marts", REPORTS_GROUP, DIGEST_GROUP)

daily = define_asset_job(
    "daily",
    selection=AssetSelection.all() - AssetSelection.groups(DIGEST_GROUP),
    executor_def=in_process_executor,
    description="The whole day: fetch, load, views, charts. A past day is rebuilt from its stored raw rows.",
)

backfill = define_asset_job(
    "backfill",
    selection=AssetSelection.all()
    - AssetSelection.groups(*UNPARTITIONED_ONLY_IN_DAILY)
    - AssetSelection.groups("reference")
    - AssetSelection.assets("dim_date")
    - AssetSelection.checks_for_assets("dim_date")
    - AssetSelection.checks(AssetCheckKey(AssetKey("fact_movie_daily"), "latest_state_agrees")),  # once a day is enough
    executor_def=in_process_executor,
    description="Only the partitioned assets: past days from stored raw rows or exports, without views and charts.",
)


send_digest = define_asset_job(
    "send_digest",
    selection=AssetSelection.groups(DIGEST_GROUP),
    executor_def=in_process_executor,
    description="Sends the week in ten lines to DIGEST_WEBHOOK_URL.",
)


def digest_schedule(settings: Settings) -> ScheduleDefinition:
    """When the digest is sent, where DIGEST is not off: at noon UTC, when the day is loaded."""
    return ScheduleDefinition(
        job=send_digest,
        cron_schedule=DIGEST_CRON[settings.digest],
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Sends the week in ten lines, {settings.digest} at 12:00 UTC.",
    )


@schedule(
    job=daily,
    cron_schedule=SCHEDULE_CRON,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Materializes the partition of the tick's own date at 09:00 UTC, unless its newest run was cancelled.",
)
def daily_schedule(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
    """One run for the UTC date of the tick: the one day for which TMDb's API still answers."""
    day = context.scheduled_execution_time.date()
    # Only a tick that is evaluated by hand may have no instance.
    if context.instance_ref and cancelled_days(
        context.instance, runs_by_day(context.instance, [day], WHOLE), partitions.now(), WHOLE
    ):
        yield SkipReason(f"The newest run of {day} was cancelled, so a person decides when to run it again.")
        return
    selection = None
    if day < partitions.today() and context.repository_def is not None:  # the daemon was down at 09:00
        selection = _needed(context.repository_def, day)
    yield RunRequest(run_key=day.isoformat(), partition_key=day.isoformat(), asset_selection=selection)


def _needed(repository: RepositoryDefinition, day: dt.date) -> list[AssetKey] | None:
    """What a late tick materializes; None: everything. A tick has the warehouse only of its repository."""
    resource = {"warehouse": repository.get_top_level_resources()["warehouse"]}
    with build_resources(resource) as resources, resources.warehouse.begin() as connection:
        if not days_from_export(connection, [day]):
            return None
    return whole_day_from_export(node.to_asset_spec() for node in repository.asset_graph.asset_nodes)


@op(
    description="Drops raw answers older than 180 days, as TMDb's terms require, and Dagster's events of steps and "
    "pictures of former reports older than 90 days; facts, dimensions, materializations of days and checks stay."
)
def drop_raw_answers(context: OpExecutionContext, warehouse: ResourceParam[Warehouse]) -> None:
    """Drop the partitions of raw answers that are too old, and what the steps of old runs did; log how much."""
    from tmdb_assets.instance.events import drop_old_events  # imports Dagster's storage on Postgres

    dropped = drop_old_raw(warehouse, partitions.today())
    names = ", ".join(dropped.partitions) or "none is old enough"
    events = drop_old_events(context.instance, partitions.now() - EVENTS_KEPT)
    rows = f"rejected rows: {dropped.rejected_rows}; former states of films: {dropped.former_states}"
    context.log.info(f"Dropped partitions: {names}; {rows}; events of steps: {events}")


@job(executor_def=in_process_executor, description="Drops raw answers that may not be kept any longer.")
def retention() -> None:
    """Drop what is too old, in one step."""
    drop_raw_answers()


retention_schedule = ScheduleDefinition(
    job=retention,
    cron_schedule=RETENTION_CRON,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Drops raw answers older than 180 days, daily at 10:00 UTC.",
)


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Reports failed runs, failed checks and overdue days: in the log, and to ALERT_WEBHOOK_URL. "
    "Once a day for each cause.",
)
def alerts(context: SensorEvaluationContext, warehouse: ResourceParam[Warehouse]) -> SkipReason:
    """Report what happened since the last tick."""
    with warehouse.begin() as connection:
        return SkipReason(str(send_pending(context.instance, connection, warehouse.settings, partitions.now())))


@sensor(
    job=backfill,
    minimum_interval_seconds=300,
    default_status=DefaultSensorStatus.RUNNING,
    description="Fills gaps: each missing day between the first loaded one and yesterday is loaded from its id export, "
    "and a day that was loaded before its export was published gets it, oldest first. A day whose run ended before "
    "every table was made of its answers is rebuilt from these, without a request. A day whose run failed is tried "
    "again after 1 hour, 4 hours, then daily, as long as its export is published; one whose newest run was cancelled "
    "waits until a person runs it. A day loaded from its export gets the films that became known since, weekly.",
)
def gap_filler(
    context: SensorEvaluationContext, warehouse: ResourceParam[Warehouse]
) -> Iterator[RunRequest | SkipReason]:
    """One run for each day that lacks facts, tables, its export, or films known since, and that can be loaded."""
    today = partitions.today()
    with warehouse.begin() as connection:
        gaps = find_gaps(connection, warehouse.settings.tmdb_first_day, today)
    if not gaps:
        yield SkipReason("No day is missing.")
        return
    export_url = warehouse.settings.export_url
    due = due_gaps(context.instance, gaps, partitions.now(), context.sensor_name, export_url, today=today)
    waiting = f"Not loaded, {describe_cancelled(due.cancelled)}." if due.cancelled else ""
    with warehouse.begin() as connection:
        from_export = days_from_export(connection, [gap.day for gap, _ in due.gaps if not gap.is_loaded])
    for gap, run_key in due.gaps:
        selection = [AssetKey(name) for name in FROM_EXPORT] if gap.is_loaded or gap.day in from_export else None
        config = REFRESH_EXPORT if gap.is_loaded else {}
        yield RunRequest(run_key, partition_key=gap.day.isoformat(), asset_selection=selection, run_config=config)
    if due.gaps:
        if waiting:
            context.log.info(waiting)
        return
    reasons = [waiting] if waiting else []
    if later := [gap.day for gap in gaps if gap.lacks_films and gap.day not in due.cancelled]:
        reasons.insert(0, f"Films became known since {describe_days(later)} was loaded, and are added within a week.")
    others = [gap for gap in gaps if not gap.lacks_films and gap.day not in due.cancelled]
    what = "a run is in progress, or failed and will be repeated"
    if behind := [gap.day for gap in others if gap.is_behind]:
        reasons.insert(0, f"Not every table is made of the answers of {describe_days(behind)}: {what}.")
    if missing := [gap.day for gap in others if not gap.is_behind]:
        reasons.insert(0, f"Missing, {describe_days(missing)}: {what}, or the export is no longer published.")
    yield SkipReason(" ".join(reasons))
