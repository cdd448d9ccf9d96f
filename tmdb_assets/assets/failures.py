"""A day that cannot be had, as its failed step tells it: in sentences for its run, in a few words for many days."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from dagster import Failure
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData

CAUSE, IS_FINAL = "cause", "is_final"


class Missing(NamedTuple):
    """Why a step failed: `cause` names no day where it is one for many days; `is_final`: to run again does not help."""

    cause: str
    is_final: bool = False


def read_reason(failure: StepFailureData) -> str | None:
    """Why a step failed: the words of its `Failure`, or else the first line of the error that it comes from."""
    told = failure.user_failure_data.description if failure.user_failure_data else None
    if told is None and failure.error is not None:
        return (failure.error.cause or failure.error).message.strip().splitlines()[0]
    return told


def missing_day(day: dt.date, told: str, *, cause: str, is_final: bool) -> Failure:
    """The failure of a day that cannot be had; what was there before it stays."""
    metadata: dict[str, str | bool] = {CAUSE: cause, IS_FINAL: is_final}
    return Failure(description=f"{day} cannot be loaded: {told}", metadata=metadata, allow_retries=False)


def read_missing(failure: UserFailureData | None) -> Missing | None:
    """What `missing_day` told, from a failed step; None for any other failure."""
    if failure is None or CAUSE not in failure.metadata:
        return None
    return Missing(str(failure.metadata[CAUSE].value), bool(failure.metadata[IS_FINAL].value))
