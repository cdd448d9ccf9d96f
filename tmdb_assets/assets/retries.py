"""A step that Postgres left amid the work is run again; whatever else fails a step fails it at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

from dagster import RetryRequested

from tmdb_assets.warehouse.server.databases import is_outage

RETRIES = 3
RETRY_AFTER_S = 2  # more than the second that lies between two who ask TMDb
Compute = TypeVar("Compute", bound=Callable[..., Any])


def retried_after_outage(compute: Compute) -> Compute:
    """The function of an asset or check, whose step Dagster runs again when Postgres went away during it.

    `declare` puts it beneath `@asset` and `@asset_check`. What the step had not committed is undone by then, so it
    begins anew; what it had committed, it finds.
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

    return cast("Compute", wraps(compute)(events if inspect.isgeneratorfunction(compute) else result))


def _request_retry(error: Exception) -> None:
    if is_outage(error):
        raise RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_AFTER_S) from error
