"""What every asset of a table has in common, taken from the table's declaration."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    BetaWarning,
    PreviewWarning,
    asset,
)

from tmdb_assets.assets.describe import column_schema, describe_rows
from tmdb_assets.assets.publish import CONTRACT
from tmdb_assets.assets.retries import retried_after_outage
from tmdb_assets.partitions import daily_partitions
from tmdb_assets.settings import get_settings

# Partitioned asset checks and code references work, and their versions are pinned; a page of warnings helps nobody.
warnings.filterwarnings("ignore", category=PreviewWarning)
warnings.filterwarnings("ignore", category=BetaWarning)

OWNERS = ["team:data-platform"]
REPORTS_GROUP = "reports"
"""The group of what people look at; drawn anew once the days before are filled."""
DAILY = daily_partitions()


def table_asset(
    table: sa.Table,
    *,
    daily: bool,
    deps: Sequence[AssetsDefinition | str] = (),
    checks: Sequence[AssetCheckSpec] = (),
    made_from: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """`@asset` for a table: name, description, group, kinds, owners, columns and contract check are the table's own.

    `made_from` names its sources where they are not its `deps`.
    """
    if made_from is None:
        made_from = [dep if isinstance(dep, str) else dep.key.to_user_string() for dep in deps]
    partitions_def = DAILY if daily else None
    contract = AssetCheckSpec(
        CONTRACT,
        asset=table.name,
        description="Every row keeps the rules of the table's declaration. Broken rows are set aside in rejected_row; "
        "over 5% of them, or a frame of the wrong shape, stops the load before anything is written.",
        blocking=True,
        partitions_def=partitions_def,
    )
    made = asset(
        name=table.name,
        description=describe_rows(table.name, table.comment or "", made_from),
        group_name=table.info["group"],
        kinds={"python", "postgres", "table"},
        owners=OWNERS,
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"public.{table.name}",
            "source": get_settings().source,
        },
        partitions_def=partitions_def,
        deps=list(deps),
        check_specs=[contract, *checks],
    )
    return lambda compute: made(retried_after_outage(compute))


def day_of(context: AssetExecutionContext) -> dt.date:
    """The day that the partition of this run names."""
    return dt.date.fromisoformat(context.partition_key)
