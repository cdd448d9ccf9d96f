"""The checks that a run is about to make, as Dagster keeps them before they are made: all in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._serdes import serialize_value
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from dagster import EventLogEntry

PLANNED = AssetCheckExecutionRecordStatus.PLANNED.value


def planned_checks(event: EventLogEntry, event_id: int, timestamp: Any) -> list[dict[str, Any]]:
    """The rows of a planned check, one for each of its partitions; none of another event."""
    planned = event.get_dagster_event().event_specific_data
    if not isinstance(planned, AssetCheckEvaluationPlanned):
        return []
    partitions = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
    row = {
        "asset_key": planned.asset_key.to_string(),
        "check_name": planned.check_name,
        "run_id": event.run_id,
        "execution_status": PLANNED,
        "evaluation_event": serialize_value(event),
        "evaluation_event_timestamp": timestamp,
        "evaluation_event_storage_id": event_id,
    }
    return [row | {"partition": partition} for partition in partitions]


def keep_planned(connection: sa.Connection, checks: list[dict[str, Any]]) -> None:
    """Store planned checks, once: the answer to a commit may be lost, and then this is repeated."""
    table = AssetCheckExecutionsTable.c
    # Without a partition the table's unique index keeps no second row away.
    keys = [(row["run_id"], row["asset_key"], row["check_name"]) for row in checks if row["partition"] is None]
    if keys:
        own = sa.tuple_(table.run_id, table.asset_key, table.check_name).in_(keys)
        is_planned = table.execution_status == PLANNED
        connection.execute(AssetCheckExecutionsTable.delete().where(own, table.partition.is_(None), is_planned))
    connection.execute(postgresql.insert(AssetCheckExecutionsTable).values(checks).on_conflict_do_nothing())
