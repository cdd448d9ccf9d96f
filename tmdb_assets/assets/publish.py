"""What a load did, told to Dagster: the materialization with its figures, and the table's contract check.

A table's check is recorded by its asset. When a load is refused the failing check is recorded first, then the step
fails: nothing was written, and nothing downstream runs.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
)

from tmdb_assets.assets.failures import failure
from tmdb_assets.transforms.conform import Conformed
from tmdb_assets.warehouse.loading.contracts import StructuralFaultError
from tmdb_assets.warehouse.loading.latest_state import renew_totals
from tmdb_assets.warehouse.loading.load import MAX_REJECTED_SHARE, Loaded, TooManyRejectedError, load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.warehouse import Warehouse

CONTRACT = "contract"
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
AssetEvent: TypeAlias = MaterializeResult[Any] | AssetCheckResult


def publish(
    warehouse: Warehouse,
    table: sa.Table,
    chunks: Iterable[Conformed],
    *,
    day: dt.date | None = None,
    merge: Callable[[sa.Connection], MergeCounts] | None = None,
    afterwards: Callable[[sa.Connection], None] | None = None,
    metadata: Mapping[str, Any] | None = None,
    is_partial: bool = False,
    renews_totals: bool = False,
) -> Iterator[AssetEvent]:
    """Load chunks of frames in one transaction and yield the asset's result with its contract check.

    `afterwards` runs in the same transaction, after the merge. `is_partial` says that the frames are what is news of
    the table, see `load`. With `renews_totals`, for a table that the totals of the views are counted from, a load that
    changed a row renews them. Raises `Failure`, after the failing check, when the load is refused.
    """
    with guarded(table.name) as refused:
        with warehouse.begin() as connection:
            loaded = load(connection, table, chunks, day=day, merge=merge, is_partial=is_partial)
            if afterwards:
                afterwards(connection)
            if renews_totals and loaded.counts.has_changes:
                renew_totals(connection)
            row_count = count_rows(connection, table, day)
        yield materialized(loaded, row_count, metadata)
    yield from refused.events


class Refusal:
    """Turns a refused load into the failing check and the failure of the step."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.error: TooManyRejectedError | StructuralFaultError | None = None

    def __enter__(self) -> Refusal:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, TooManyRejectedError | StructuralFaultError):
            self.error = error
            return True
        return False

    @property
    def events(self) -> Iterator[AssetEvent]:
        """The failing check, then raises `Failure`; nothing when the load went through."""
        if self.error is None:
            return
        if isinstance(self.error, TooManyRejectedError):
            yield contract_check(self.error.loaded, refused=True)
        else:
            yield AssetCheckResult(
                passed=False,
                check_name=CONTRACT,
                asset_key=AssetKey(self.name),
                severity=AssetCheckSeverity.ERROR,
                description=str(self.error),
            )
        raise failure(self.error.problem) from self.error


def guarded(name: str) -> Refusal:
    """A context in which a load may be refused; afterwards its `events` must be yielded."""
    return Refusal(name)


def materialized(loaded: Loaded, row_count: int, metadata: Mapping[str, Any] | None = None) -> MaterializeResult[Any]:
    """The result of a load that went through: its figures as metadata, and its contract check."""
    counts = loaded.counts
    figures: dict[str, Any] = {
        "dagster/row_count": row_count,
        "rows_received": loaded.received,
        "rows_inserted": counts.inserted,
        "rows_updated": counts.updated,
        "rows_unchanged": counts.unchanged,
        "rows_deleted": counts.deleted,
        "rows_rejected": len(loaded.rejected),
    }
    return MaterializeResult(
        asset_key=AssetKey(loaded.table.name),
        metadata={**figures, **(metadata or {})},
        check_results=[contract_check(loaded)],
    )


def count_rows(connection: sa.Connection, table: sa.Table, day: dt.date | None) -> int:
    """Rows of the table; of the day alone where the table's key holds a day."""
    counted = sa.select(sa.func.count()).select_from(table)
    day_column = next((c for c in table.primary_key.columns if c.name in {"snapshot_date", "date_id"}), None)
    if day is not None and day_column is not None:
        counted = counted.where(day_column == day)
    return int(connection.scalar(counted) or 0)


def contract_check(loaded: Loaded, *, refused: bool = False) -> AssetCheckResult:
    """The table's contract check: which rules were broken, how often, with examples, and what to do."""
    rejected, received = len(loaded.rejected), loaded.received
    name = loaded.table.name
    if refused:
        text = (
            f"{rejected} of {received} rows broke the contract of {name}, over the {MAX_REJECTED_SHARE:.0%} allowed. "
            "Nothing was written; what was there stays. Look at the rules below: if TMDb changed its answers, "
            "change the declaration of the table; if this was a bad moment, run the day again."
        )
    elif rejected:
        text = (
            f"{rejected} of {received} rows broke the contract of {name} and are in rejected_row with their reasons; "
            f"the others are loaded. Look at them with: select * from rejected_row where table_name = '{name}'."
        )
    else:
        text = f"All {received} rows keep the contract of {name}."
    return AssetCheckResult(
        passed=rejected == 0,
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
    counted: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for item in loaded.rejected:
        for reason in item.reasons:
            counted[reason.rule] += 1
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
        for rule, count in counted.most_common()
    ]


def violations_table(name: str, values: Collection[Any]) -> Any:
    """A one-column table of what a check found, at most `SHOWN_VIOLATIONS` rows."""
    return MetadataValue.table(
        [TableRecord({name: value}) for value in list(values)[:SHOWN_VIOLATIONS]],
        schema=TableSchema(columns=[TableColumn(name, "string")]),
    )
