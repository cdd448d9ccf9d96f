"""A day that cannot be had, as its failed step tells it: in sentences for its run, in a few words for many days."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from dagster import DagsterEvent, Failure

CAUSE, IS_FINAL = "cause", "is_final"


class Missing(NamedTuple):
    """Why a step failed: `cause` names no day where it is one for many days; `is_final`: to run again does not help."""

    cause: str
    is_final: bool = False


def read_reason(event: DagsterEvent) -> str | None:
    """Why a step failed, from the event that says so: the words of its `Failure`, or the first line of its error."""
    failure = event.step_failure_data
    told = failure.user_failure_data.description if failure.user_failure_data else None
    if told is None and failure.error is not None:
        return (failure.error.cause or failure.error).message.strip().splitlines()[0]
    return told


def missing_day(day: dt.date, told: str, *, cause: str, is_final: bool) -> Failure:
    """The failure of a day that cannot be had; what was there before it stays."""
    metadata: dict[str, str | bool] = {CAUSE: cause, IS_FINAL: is_final}
    return Failure(description=f"{day} cannot be loaded: {told}", metadata=metadata, allow_retries=False)


def read_missing(event: DagsterEvent) -> Missing | None:
    """What `missing_day` said, from the event of the failed step; None for any other failure."""
    failure = event.step_failure_data.user_failure_data
    if failure is None or CAUSE not in failure.metadata:
        return None
    return Missing(str(failure.metadata[CAUSE].value), bool(failure.metadata[IS_FINAL].value))
