"""Load a table and report it to Dagster: the materialization with its figures, and the table's contract check.

When a load is refused, the failing check is recorded first, then the step fails: nothing is written, and nothing
downstream runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
)

from tmdb_assets.charts.labels import CONTRACT
from tmdb_assets.transforms.conform import Conformed, Row
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.latest_state import renew_totals
from tmdb_assets.warehouse.loading.load import MAX_REJECTED_SHARE, Loaded, TooManyRejectedError, count_rows, load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.vocabulary import day_column
from tmdb_assets.warehouse.warehouse import Warehouse

ROW_COUNT = "dagster/row_count"  # of the whole table or view
PARTITION_ROW_COUNT = "dagster/partition_row_count"  # of the run's day, where the table's key has a day
EXAMPLES = 3
SHOWN_VIOLATIONS = 50
RULE_COLUMNS = TableSchema(
    columns=[
        TableColumn("rule", "string", description="The rule that rows broke."),
        TableColumn("rows", "int", description="How many rows broke it."),
        TableColumn("share", "string", description="Their share of the rows received."),
        TableColumn("examples", "string", description="Values that broke it."),
    ]
)
REFUSALS = (TooManyRejectedError, StructuralFaultError)
AssetEvent: TypeAlias = MaterializeResult[Any] | AssetCheckResult


def publish(
    warehouse: Warehouse,
    table: sa.Table,
    chunks: Iterable[Conformed],
    *,
    day: dt.date | None = None,
    day_of: Callable[[Row], dt.date] | None = None,
    merge: Callable[[sa.Connection], MergeCounts] | None = None,
    afterwards: Callable[[sa.Connection], None] | None = None,
    metadata: Mapping[str, Any] | None = None,
    is_partial: bool = False,
    renews_totals: bool = False,
) -> Iterator[AssetEvent]:
    """Load chunks of frames in one transaction and yield the asset's result with its contract check.

    `afterwards` runs in the same transaction, after the merge. `is_partial`: only rows that changed are in the frames,
    see `load`, also for `day_of`. `renews_totals`: the views' totals are counted from this table, so a load that
    changed a row renews them. Raises `TooManyRejectedError` or `StructuralFaultError` after the failing check.
    """
    try:
        with warehouse.begin() as connection:
            loaded = load(connection, table, chunks, day=day, day_of=day_of, merge=merge, is_partial=is_partial)
            if afterwards:
                afterwards(connection)
            if renews_totals and loaded.counts.has_changes:
                renew_totals(connection)
            row_count = count_rows(connection, table, day)
        yield materialized(loaded, row_count, metadata)
    except REFUSALS as error:
        yield refusal_check(table.name, error)
        raise


def refusal_check(name: str, error: TooManyRejectedError | StructuralFaultError) -> AssetCheckResult:
    """The failing contract check of a refused load; the rows may be those of another table of the same transaction."""
    if isinstance(error, TooManyRejectedError) and error.loaded.table.name == name:
        return contract_check(error.loaded, refused=True)
    return AssetCheckResult(
        passed=False,
        check_name=CONTRACT,
        asset_key=AssetKey(name),
        severity=AssetCheckSeverity.ERROR,
        description=str(error),
    )


def materialized(loaded: Loaded, row_count: int, metadata: Mapping[str, Any] | None = None) -> MaterializeResult[Any]:
    """The result of a load that went through: its figures as metadata, and its contract check.

    `row_count`: rows of the table, only of the day where its key has one, as `count_rows` counts them.
    """
    counts = loaded.counts
    figures: dict[str, Any] = {
        PARTITION_ROW_COUNT if day_column(loaded.table) is not None else ROW_COUNT: row_count,
        "rows_received": loaded.received,
        "rows_inserted": counts.inserted,
        "rows_updated": counts.updated,
        "rows_unchanged": counts.unchanged,
        "rows_deleted": counts.deleted,
        "rows_rejected": len(loaded.rejected),
    }
    if loaded.emptied:
        figures["cells_stored_as_null"] = _cells_emptied(loaded)
    return MaterializeResult(
        asset_key=AssetKey(loaded.table.name),
        metadata={**figures, **(metadata or {})},
        check_results=[contract_check(loaded)],
    )


def _cells_emptied(loaded: Loaded) -> int:
    return sum(len(item.reasons) for item in loaded.emptied)


def contract_check(loaded: Loaded, *, refused: bool = False) -> AssetCheckResult:
    """The table's contract check: which rules were broken, how often, with examples, and what to do."""
    rejected, received = len(loaded.rejected), loaded.received
    name = loaded.table.name
    see = f"tmdb-assets rejected --table {name}"
    if refused:
        text = (
            f"{rejected} of {received} rows ({loaded.rejected_share:.1%}) broke the contract of {name}, over the "
            f"{MAX_REJECTED_SHARE:.0%} allowed: {loaded.most_broken}. "
            "Nothing was written; what is already stored is kept. If these rules show that TMDb changed its "
            "answers, change the table's declaration; otherwise run the day again."
        )
    elif rejected:
        text = (
            f"{rejected} of {received} rows broke the contract of {name}: {loaded.most_broken}. They are in "
            f"rejected_row, the others are loaded. To see them: {see}. After a fix: {see} --retry."
        )
    elif loaded.emptied:
        text = (
            f"All {received} rows are loaded; {_cells_emptied(loaded)} cells broke the contract of {name} and are "
            f"NULL: {loaded.most_broken}. To see them: {see}. After a fix: {see} --retry."
        )
    else:
        text = f"All {received} rows keep the contract of {name}."
    return AssetCheckResult(
        passed=not (rejected or loaded.emptied),
        check_name=CONTRACT,
        asset_key=AssetKey(name),
        severity=AssetCheckSeverity.ERROR if refused else AssetCheckSeverity.WARN,
        description=text,
        metadata={
            "rows_received": received,
            "rows_rejected": rejected,
            "rejected_share": loaded.rejected_share,
            "broken_rules": MetadataValue.table(_broken_rules(loaded), schema=RULE_COLUMNS),
        },
    )


def _broken_rules(loaded: Loaded) -> list[TableRecord]:
    examples: dict[str, list[str]] = {}
    for item in loaded.rejected + loaded.emptied:
        for reason in item.reasons:
            known = examples.setdefault(reason.rule, [])
            if len(known) < EXAMPLES and reason.value not in known:
                known.append(reason.value)
    return [
        TableRecord(
            {
                "rule": rule,
                "rows": count,
                "share": f"{count / max(loaded.received, 1):.2%}",
                "examples": ", ".join(examples[rule]),
            }
        )
        for rule, count in loaded.broken_rules.most_common()
    ]


def violations_table(name: str, values: Collection[Any]) -> Any:
    """A one-column table of what a check found, at most `SHOWN_VIOLATIONS` rows."""
    return MetadataValue.table(
        [TableRecord({name: value}) for value in list(values)[:SHOWN_VIOLATIONS]],
        schema=TableSchema(columns=[TableColumn(name, "string")]),
    )


def check_result(
    spec: AssetCheckSpec,
    passed: bool,
    text: str,
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN,
    **metadata: Any,
) -> AssetCheckResult:
    """The result of a declared check with its text and metadata; a failure is a warning unless `severity` says else."""
    return AssetCheckResult(
        passed=passed,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=severity,
        description=text,
        metadata=metadata,
    )
