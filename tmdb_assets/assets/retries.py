"""A step that Postgres left amid the work is run again; whatever else fails a step fails it at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast

from dagster import RetryRequested

from tmdb_assets.warehouse.server.databases import is_outage

RETRIES = 3
RETRY_AFTER_S = 2  # more than the second that lies between two who ask TMDb
Compute = TypeVar("Compute", bound=Callable[..., Any])


def retried_after_outage(compute: Compute) -> Compute:
    """The function of an asset or check, of which Dagster runs the step again when Postgres went away in it.

    To be applied beneath `@asset` or `@asset_check`. What the step had not committed is undone by then, so it begins
    anew; what it had committed, it finds.
    """

    def events(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from compute(*args, **kwargs)
        except Exception as error:
            _request_retry(error)
            raise

    def result(*args: Any, **kwargs: Any) -> Any:
        try:
            return compute(*args, **kwargs)
        except Exception as error:
            _request_retry(error)
            raise

    retried = cast("FunctionType", events if inspect.isgeneratorfunction(compute) else result)
    # The UI links an asset to its code by the file of the very function that Dagster was given.
    origin = compute.__code__
    retried.__code__ = retried.__code__.replace(co_filename=origin.co_filename, co_firstlineno=origin.co_firstlineno)
    return cast("Compute", wraps(compute)(retried))


def _request_retry(error: Exception) -> None:
    if is_outage(error):
        raise RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_AFTER_S) from error
