"""Adds to a check that failed what to do, as metadata: the page of a run shows a check's metadata, not its text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from dagster import AssetCheckResult, MaterializeResult, MetadataValue

Compute = TypeVar("Compute", bound=Callable[..., Any])
IF_NOT = "If not: "
"""In the description of a check: between what holds when it passes and what to do if it fails."""
ACTION = "action"
"""The key of what to do: among a check's metadata, which the UI sorts, it is the first."""


def advised(compute: Compute, descriptions: Mapping[str, str]) -> Compute:
    """The function of an asset or check, with what to do in each failed result; `descriptions` are those of its checks.

    A function of one check returns results without the check's name.
    """

    def advise(event: Any) -> Any:
        if isinstance(event, MaterializeResult) and event.check_results:
            return event._replace(check_results=[advise(result) for result in event.check_results])
        if not isinstance(event, AssetCheckResult) or event.passed:
            return event
        name = event.check_name or (next(iter(descriptions)) if len(descriptions) == 1 else "")
        advice = descriptions.get(name, "").partition(IF_NOT)[2]
        if not advice:
            return event
        action = MetadataValue.text(advice[0].upper() + advice[1:])
        return event._replace(metadata={ACTION: action, **event.metadata})

    def events(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield from map(advise, compute(*args, **kwargs))

    def result(*args: Any, **kwargs: Any) -> Any:
        return advise(compute(*args, **kwargs))

    return cast("Compute", wraps(compute)(events if inspect.isgeneratorfunction(compute) else result))
