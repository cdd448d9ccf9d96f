"""From an error to a failed step's event and back, without losing its fields.

The fields of a `Problem` travel as the metadata of Dagster's `Failure`, which the UI shows and the event log keeps.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, Failure

from tmdb_assets.errors.problem import KEPT, ActionableError, Problem, Retry

READ_LOG = "Read the log of the run"
# On a run whose export is no longer published. The UI's list of runs hides tags with this prefix.
GONE_TAG = ".dagster/tmdb_assets_export_gone"


class MissingDayError(ActionableError):
    """A day cannot be loaded: neither its raw rows nor its export are there, or have a film. What is stored is kept."""

    kept = KEPT

    @classmethod
    def without_export(cls, day: dt.date, problem: Problem) -> MissingDayError:
        """The error of a day of which nothing is stored and whose export failed with `problem`."""
        what = f"{day} cannot be loaded: nothing was stored on that day, and its export is not available"
        return cls.of(replace(problem, what=f"{what}. {problem.what}", kept=KEPT))


def failure(problem: Problem, metadata: Mapping[str, Any] | None = None) -> Failure:
    """The failure of a step; Dagster does not retry it."""
    values = {field.name: getattr(problem, field.name) for field in fields(Problem)}
    texts = {
        name: value.isoformat() if isinstance(value, dt.datetime) else str(value)
        for name, value in values.items()
        if value is not None
    }
    return Failure(description=str(problem), metadata={**texts, **(metadata or {})}, allow_retries=False)


def read_problem(event: DagsterEvent) -> Problem:
    """Why the step or run of a failure event failed; of an error that is not ours, only its first line."""
    failed = event.step_failure_data.user_failure_data if event.is_step_failure else None
    if failed is not None and "retry" in failed.metadata:
        values = {name: str(value.value) for name, value in failed.metadata.items()}
        texts = {name: values.get(name) for name in ("kept", "action", "setting", "cause")}
        retry_at = dt.datetime.fromisoformat(values["retry_at"]) if "retry_at" in values else None
        return Problem(values["what"], **texts, retry=Retry(values["retry"]), retry_at=retry_at)
    what = failed.description if failed is not None else None
    # A run that another process found dead has an event without data.
    error = getattr(event.event_specific_data, "error", None)
    if what is None and error is not None:
        what = (error.cause or error).message.strip().splitlines()[0]
    what = what or event.message or "no reason given"
    return Problem(f"{event.step_key}: {what}" if event.step_key else what, KEPT, READ_LOG)


def is_interruption(event: DagsterEvent) -> bool:
    """Whether this is the end of a step or a run that Ctrl-C or SIGTERM ended."""
    if event.event_type == DagsterEventType.RUN_CANCELED:
        return True
    if event.is_step_failure:
        return event.step_failure_data.error_source.name == "INTERRUPT"
    reason = getattr(event.event_specific_data, "failure_reason", None) if event.is_job_failure else None
    return reason is not None and reason.name == "UNEXPECTED_TERMINATION"


def note_gone(instance: DagsterInstance, run_id: str, export_url: str) -> None:
    """Note with a run that the export it requested is no longer published at this address."""
    instance.add_run_tags(run_id, {GONE_TAG: _digest(export_url)})


def is_noted_gone(run: DagsterRun, export_url: str) -> bool:
    """Whether `note_gone` noted it with this run, for this address."""
    return run.tags.get(GONE_TAG) == _digest(export_url)


def _digest(address: str) -> str:
    """Stands for the address in a tag: the address itself may hold a login."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]
