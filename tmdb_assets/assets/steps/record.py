"""Records in the warehouse what the checks of a step said, and whether the step ended well.

Dagster's storage has it too, but readers, reports and backups do not reach that.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from dagster import AssetCheckResult, DagsterInvariantViolationError, Failure, MaterializeResult, OpExecutionContext

from tmdb_assets import partitions
from tmdb_assets.assets.failures import READ_LOG
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.instance.pooled import store_kept_back
from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.warehouse.ledger.check_results import RUN, Result, last_noted, record
from tmdb_assets.warehouse.server.databases import driver_problem
from tmdb_assets.warehouse.warehouse import Warehouse

Compute = TypeVar("Compute", bound=Callable[..., Any])
ENDED_WELL = "The step ended well."


def recorded(compute: Compute, asset_name: str, check_name: str | None = None) -> Compute:
    """The function of an asset, or of the check `check_name`, with its results recorded when its step ends.

    A function that takes no `warehouse` has nothing to record. An outage is not recorded: the step is retried.
    """

    def events(*args: Any, **kwargs: Any) -> Iterator[Any]:
        found: list[Result] = []
        with _recording(found, asset_name, kwargs.get("warehouse"), is_asset=check_name is None):
            for event in compute(*args, **kwargs):
                found += _results(event, asset_name, check_name)
                yield event

    def result(*args: Any, **kwargs: Any) -> Any:
        found: list[Result] = []
        with _recording(found, asset_name, kwargs.get("warehouse"), is_asset=check_name is None):
            made = compute(*args, **kwargs)
            found += _results(made, asset_name, check_name)
        return made

    return cast("Compute", wraps(compute)(events if inspect.isgeneratorfunction(compute) else result))


@contextmanager
def _recording(found: list[Result], asset_name: str, warehouse: Warehouse | None, *, is_asset: bool) -> Iterator[None]:
    """Record what is in `found` at the end of the block, and for an asset whether the block ended well.

    Answers that another run stores during the block leave the asset's table behind: the block may have read before.
    """
    day, noted = _day_of_run(), None
    try:
        if warehouse is not None and day is not None and is_asset:
            with warehouse.begin() as connection:
                noted = last_noted(connection, day, asset_name)
        yield
    except Exception as error:
        if warehouse is not None and day is not None and driver_problem(error) is None:
            failed = Result(asset_name, RUN, is_passed=False, severity="error", description=_what_failed(error))
            # The error of the step says more than one of this record.
            with suppress(sa.exc.DBAPIError), warehouse.begin() as connection:
                record(connection, day, [*found, *([failed] if is_asset else [])])
        raise
    if warehouse is not None and day is not None:
        if is_asset:  # a kill must not leave a day that is complete here, so that no run mends it, and missing there
            store_kept_back(OpExecutionContext.get().instance)
        ended = Result(asset_name, RUN, is_passed=True, severity="error", description=ENDED_WELL)
        with warehouse.begin() as connection:
            record(connection, day, [*found, *([ended] if is_asset else [])], noted)


def _day_of_run() -> dt.date | None:
    """The day of the run's partition, else today; None for a function that is called outside of a run."""
    try:
        context = OpExecutionContext.get()
    except DagsterInvariantViolationError:  # it is called outside of a run
        return None
    key = context.run.tags.get(PARTITION_NAME_TAG)
    return dt.date.fromisoformat(key) if key else partitions.today()


def _results(event: Any, asset_name: str, check_name: str | None) -> list[Result]:
    """The checks in what a step returns or yields."""
    if isinstance(event, MaterializeResult):
        return [result for check in event.check_results or () for result in _results(check, asset_name, check_name)]
    if not isinstance(event, AssetCheckResult):
        return []
    name = event.check_name or check_name
    if name is None:
        raise ValueError(f"a check of {asset_name} has no name")
    return [Result(asset_name, name, event.passed, event.severity.value.lower(), event.description)]


def _what_failed(error: Exception) -> str:
    """Only the text of our own errors: that of others may hold what readers must not see."""
    if isinstance(error, Failure) and error.description:  # made of one of our errors
        return error.description
    return str(error) if isinstance(error, ActionableError) else f"{type(error).__name__}. {READ_LOG}."
