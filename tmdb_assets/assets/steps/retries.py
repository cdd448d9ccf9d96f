"""When a step fails and when it is retried, as the `Problem` of its error says; errors of Postgres have one too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from dagster import RetryRequested

from tmdb_assets.assets.failures import failure
from tmdb_assets.errors.problem import ActionableError, Retry, plain_lines
from tmdb_assets.warehouse.server.databases import driver_problem

RETRIES = 3
RETRY_AFTER_S = 2  # more than the second between two processes' turns to send requests
Compute = TypeVar("Compute", bound=Callable[..., Any])


def retried_after_outage(compute: Compute) -> Compute:
    """The function of an asset or check, with its errors raised as Dagster's; `declare` applies it beneath `@asset`.

    An error with `Retry.NOW`, such as an outage of Postgres, makes Dagster retry the step: what it did not commit is
    rolled back by then, what it committed is not repeated. Any other problem fails the step at once, with the problem's
    fields as metadata.
    """

    def events(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with _errors_for_dagster():
            yield from compute(*args, **kwargs)

    def result(*args: Any, **kwargs: Any) -> Any:
        with _errors_for_dagster():
            return compute(*args, **kwargs)

    return cast("Compute", wraps(compute)(events if inspect.isgeneratorfunction(compute) else result))


@contextmanager
def _errors_for_dagster() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _make_plain(error)
        problem = error.problem if isinstance(error, ActionableError) else driver_problem(error)
        if problem is None:
            raise
        failed = failure(problem)
        failed.__cause__ = error
        if problem.retry is Retry.NOW:
            raise RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_AFTER_S) from failed
        raise failed from error


def _make_plain(error: BaseException | None) -> None:
    """Make the texts of an error and of those behind it plain: Dagster logs them all, with the stack."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error.args = tuple(plain_lines(part) if isinstance(part, str) else part for part in error.args)
        error = error.__cause__ or error.__context__
