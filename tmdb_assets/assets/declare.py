"""How assets and checks are declared; `definitions.build_definitions` builds Dagster's from a deployment's settings.

No setting is read on import: partitions and source are filled in when a declaration is built. What all assets share
(owner, code reference, retries after an outage) is added here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from dagster import (
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    BetaWarning,
    CodeReferencesMetadataValue,
    FreshnessPolicy,
    LocalFileCodeReference,
    PartitionsDefinition,
    PreviewWarning,
    asset,
    asset_check,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from tmdb_assets.assets.describe import column_schema, describe_rows, table_lineage
from tmdb_assets.assets.steps.advice import advised
from tmdb_assets.assets.steps.record import recorded
from tmdb_assets.assets.steps.retries import retried_after_outage
from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.partitions import daily_partitions
from tmdb_assets.settings import SAMPLE_LINE, Settings
from tmdb_assets.warehouse.server.open import database_of

# Partitioned asset checks and code references are beta, but work in the pinned version.
warnings.filterwarnings("ignore", category=PreviewWarning)
warnings.filterwarnings("ignore", category=BetaWarning)

OWNERS = ["team:data-platform"]
DAILY_BY_NOON = FreshnessPolicy.cron("0 12 * * *", lower_bound_delta=dt.timedelta(hours=12))
"""For what people read: made again between midnight and noon UTC; the daily run starts at nine."""
REPORTS_GROUP = "reports"
"""The group of the reports and the dashboard; the gap filler materializes it again after the last gap."""
DIGEST_GROUP = "digest"
"""The group of what is sent by a schedule of its own, and by no other run."""
DERIVED_GROUP = "derived"
"""The group of what is computed from all days: forecasts and similar films."""

Compute: TypeAlias = Callable[..., Any]
AssetBuilder: TypeAlias = Callable[[Settings], AssetsDefinition]
CheckBuilder: TypeAlias = Callable[[Settings], AssetChecksDefinition]


def declared_asset(
    name: str,
    *,
    daily: bool = False,
    checks: Sequence[AssetCheckSpec] = (),
    metadata: Mapping[str, Any] | None = None,
    description: str,
    relation: str | None = None,
    declaration: str = "",
    deps: Sequence[str] = (),
    **options: Any,
) -> Callable[[Compute], AssetBuilder]:
    """`@asset` before the settings are known: turns the function into an `AssetBuilder`.

    A daily asset and its checks have the deployment's days as partitions. `relation` is the table or view that it
    fills. `declaration` is what its rows depend on beside the function's code, which together are its code version.
    `deps` are names of upstream assets, without those that are switched off; `options` are those of `dagster.asset`.
    """

    def declare(compute: Compute) -> AssetBuilder:
        version = hashlib.sha256(f"{inspect.getsource(compute)}{declaration}".encode()).hexdigest()[:12]

        @cache  # a test builds the definitions of several platforms
        def build(settings: Settings) -> AssetsDefinition:
            days = daily_partitions(settings.tmdb_first_day) if daily else None
            # Only entries for which the UI has a place of its own: it shows others with a date, which may be invalid.
            own: dict[str, Any] = {"dagster/code_references": _code_of(compute)}
            own |= {"dagster/table_name": f"{database_of(settings)}.public.{relation}"} if relation else {}
            declared = asset(
                name=name,
                deps=[dep for dep in deps if dep not in settings.left_out],
                owners=OWNERS,
                tags={
                    "grain": "day" if daily else "latest",
                    "layer": options["group_name"],
                    "source": "sandbox" if settings.is_sandbox else "TMDb",
                },
                description=f"{description}\n\n{SAMPLE_LINE}" if settings.is_sandbox else description,
                code_version=version,
                partitions_def=days,
                check_specs=[_with_days(check, days) for check in checks],
                metadata={**(metadata or {}), **own},
                **options,
            )
            advising = advised(compute, {check.name: check.description or "" for check in checks})
            return cast(AssetsDefinition, declared(retried_after_outage(recorded(advising, name))))

        return build

    return declare


def _with_days(check: AssetCheckSpec, days: PartitionsDefinition[str] | None) -> AssetCheckSpec:
    return AssetCheckSpec(
        check.name,
        asset=check.asset_key,
        description=check.description,
        blocking=check.blocking,
        partitions_def=days,
    )


def _code_of(compute: Compute) -> CodeReferencesMetadataValue:
    """Where the function is defined, for the UI's link to the code: Dagster itself only sees the wrapper."""
    place = LocalFileCodeReference(file_path=inspect.getfile(compute), line_number=compute.__code__.co_firstlineno)
    return CodeReferencesMetadataValue(code_references=[place])


def table_asset(
    table: sa.Table,
    *,
    daily: bool,
    deps: Sequence[str] = (),
    checks: Sequence[AssetCheckSpec] = (),
    made_from: Sequence[str] | None = None,
) -> Callable[[Compute], AssetBuilder]:
    """`@asset` for a table: name, description, group, kinds, columns and contract check come from the table.

    `deps` are names of assets; `made_from` names the table's sources where they differ from `deps`.
    """
    contract = AssetCheckSpec(
        CONTRACT,
        asset=table.name,
        description="Every row keeps the rules of the table's declaration. If not: broken rows are in rejected_row "
        "with their reasons, and the others are loaded; over 5% of them, or a frame of the wrong shape, stop the load "
        "before anything is written. If TMDb changed its answers, change the declaration; then run the day again.",
        blocking=True,
    )
    return declared_asset(
        table.name,
        group_name=table.info["group"],
        kinds={"python", "postgres", "table"},
        description=describe_rows(table.name, table.comment or "", deps if made_from is None else made_from),
        deps=deps,
        checks=[contract, *checks],
        daily=daily,
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/column_lineage": table_lineage(table, deps if made_from is None else made_from),
        },
        relation=table.name,
        declaration=str(CreateTable(table).compile(dialect=postgresql.dialect())),
    )


def declared_check(asset_name: str, *, daily: bool = False, **options: Any) -> Callable[[Compute], CheckBuilder]:
    """`@asset_check` before the settings are known, like `declared_asset`; `options` are those of `asset_check`."""

    def declare(compute: Compute) -> CheckBuilder:
        def build(settings: Settings) -> AssetChecksDefinition:
            days = daily_partitions(settings.tmdb_first_day) if daily else None
            advising = advised(compute, {options["name"]: options["description"]})
            kept = retried_after_outage(recorded(advising, asset_name, options["name"]))
            return asset_check(asset=asset_name, partitions_def=days, **options)(kept)

        return build

    return declare


def day_of(context: AssetExecutionContext) -> dt.date:
    """The day of this run's partition."""
    return dt.date.fromisoformat(context.partition_key)
