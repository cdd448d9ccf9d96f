"""What makes a step fail or try again: an error of ours, or Postgres going away, as the error's `Problem` says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from dagster import RetryRequested

from tmdb_assets.assets.failures import failure
from tmdb_assets.errors.problem import ActionableError, Retry
from tmdb_assets.warehouse.server.databases import driver_problem

RETRIES = 3
RETRY_AFTER_S = 2  # more than the second that lies between two who ask TMDb
Compute = TypeVar("Compute", bound=Callable[..., Any])


def retried_after_outage(compute: Compute) -> Compute:
    """The function of an asset or check, with its errors told to Dagster; `declare` puts it beneath `@asset`.

    An error with `Retry.NOW`, as when Postgres went away, runs the step again: what it had not committed is undone by
    then, so it begins anew; what it had committed, it finds. Any other problem fails the step at once, with the
    problem's fields as metadata.
    """

    def events(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from compute(*args, **kwargs)
        except Exception as error:
            _tell(error)
            raise

    def result(*args: Any, **kwargs: Any) -> Any:
        try:
            return compute(*args, **kwargs)
        except Exception as error:
            _tell(error)
            raise

    return cast("Compute", wraps(compute)(events if inspect.isgeneratorfunction(compute) else result))


def _tell(error: Exception) -> None:
    """Raise what Dagster reads the problem from; return for an error that has none."""
    problem = error.problem if isinstance(error, ActionableError) else driver_problem(error)
    if problem is None:
        return
    told = failure(problem)
    told.__cause__ = error
    if problem.retry is Retry.NOW:
        raise RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_AFTER_S) from told
    raise told
