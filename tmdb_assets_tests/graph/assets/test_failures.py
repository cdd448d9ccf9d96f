"""An error's data through a run: raised in a step, stored as an event, read back the same."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import DagsterEventType, asset, materialize
from dagster._core.test_utils import create_run_for_test

from tmdb_assets.assets.failures import failure, is_interruption, read_problem
from tmdb_assets.assets.steps.retries import retried_after_outage
from tmdb_assets.errors.problem import KEPT, ActionableError, Problem, Retry
from tmdb_assets.tmdb.errors import UnauthorizedError
from tmdb_assets_tests.stage.memory_instance import memory_instance

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FULL = Problem(
    "It broke",
    kept=KEPT,
    action="Lower it",
    setting="TMDB_RATE_LIMIT",
    retry=Retry.LATER,
    retry_at=dt.datetime(2026, 8, 20, 12, tzinfo=dt.UTC),
    cause="broken",
)


def stored_events(fails_with):
    """The failure events of a run whose only step raises an error."""

    @asset
    @retried_after_outage
    def table():
        raise fails_with

    with memory_instance() as instance:
        try:
            run_id = materialize([table], instance=instance, raise_on_error=False, run_config=QUIET).run_id
        except KeyboardInterrupt:
            (run,) = instance.get_runs()
            run_id = run.run_id
        kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
        return [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kinds)]


@pytest.mark.parametrize("problem", [FULL, Problem("It broke")], ids=["every field", "the least"])
@pytest.mark.parametrize("raised", [ActionableError.of, failure])
def test_a_problem_comes_back_from_the_event_log_as_it_was_raised(problem, raised):
    step, _ = stored_events(raised(problem))
    assert read_problem(step) == problem
    assert step.step_failure_data.user_failure_data.description == str(problem)


def test_an_error_after_its_last_retry_comes_back_too(monkeypatch):
    monkeypatch.setattr("tmdb_assets.assets.steps.retries.RETRY_AFTER_S", 0)
    step, _ = stored_events(ActionableError("Postgres went away", retry=Retry.NOW))
    assert read_problem(step) == Problem("Postgres went away", retry=Retry.NOW)


def test_another_librarys_error_is_reported_by_its_first_line():
    step, _ = stored_events(ValueError("a fault\nof two lines"))
    assert str(read_problem(step)) == (f"table: ValueError: a fault. {KEPT}. Read the log of the run. Then run again.")


def test_an_interruption_is_known_by_the_event_and_not_by_its_text():
    assert [is_interruption(event) for event in stored_events(KeyboardInterrupt())] == [True, True]
    ours = UnauthorizedError("KeyboardInterrupt: Execution was interrupted")
    assert [is_interruption(event) for event in stored_events(ours)] == [False, False]


def test_a_run_that_another_process_found_dead_has_its_message():
    with memory_instance() as instance:
        run = create_run_for_test(instance)
        event = instance.report_run_failed(run, "Its process is gone")
    assert event.event_specific_data is None
    assert str(read_problem(event)) == f"Its process is gone. {KEPT}. Read the log of the run. Then run again."
    assert not is_interruption(event)
