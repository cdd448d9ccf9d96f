"""A step during an outage of Postgres is retried a few times; any other failure is final."""

from __future__ import annotations

import psycopg
import psycopg2.errors
import pytest
import sqlalchemy as sa
from dagster import RetryRequested, asset, materialize

from tmdb_assets.assets.steps import retries
from tmdb_assets.assets.steps.retries import RETRIES, retried_after_outage
from tmdb_assets.errors.problem import Retry
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import QUIET


def run_step(fails_with: list[Exception]) -> tuple[bool, int]:
    """Run a step that fails with these errors, one per attempt; whether the run succeeded, and the attempts."""
    tries = []

    @asset
    @retried_after_outage
    def table():
        tries.append(1)
        if len(tries) <= len(fails_with):
            raise fails_with[len(tries) - 1]

    with memory_instance() as instance:
        result = materialize([table], instance=instance, raise_on_error=False, run_config=QUIET)
    return result.success, len(tries)


def test_only_an_outage_is_retried_and_only_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "RETRY_AFTER_S", 0)  # no wait between attempts
    gone = psycopg.errors.AdminShutdown("terminating connection due to administrator command")
    wrapped = sa.exc.OperationalError("select 1", {}, gone)
    wrapped.__cause__ = gone
    assert run_step([wrapped]) == (True, 2)
    assert run_step([gone] * 10) == (False, RETRIES + 1)
    for passes in (
        psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        psycopg2.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        psycopg.errors.IdleInTransactionSessionTimeout("terminating connection"),
        psycopg.errors.TooManyConnections("too many connections for role"),
        psycopg.errors.CannotConnectNow("the database system is starting up"),
    ):
        assert run_step([passes]) == (True, 2), passes
    for other in (
        ValueError("a fault"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.UniqueViolation("duplicate key"),
        psycopg.errors.DiskFull("no space left"),
    ):
        assert run_step([other]) == (False, 1), other


def test_the_request_keeps_its_cause() -> None:
    gone = psycopg.OperationalError("the connection is lost")

    @retried_after_outage
    def steps():
        yield 1
        raise gone

    events = steps()
    assert next(events) == 1
    with pytest.raises(RetryRequested) as caught:
        next(events)
    failed = caught.value.__cause__
    assert failed.__cause__ is gone
    assert failed.metadata["retry"].value == Retry.NOW


def test_texts_of_others_are_logged_without_what_a_terminal_obeys(capfd) -> None:
    hostile = psycopg.errors.DataException("\x1b]0;owned\x07 line\nnext \u202eline")
    told = sa.exc.DataError("select 1", {}, hostile)
    told.__cause__ = hostile

    @asset
    @retried_after_outage
    def table():
        raise told

    with memory_instance() as instance:
        assert not materialize([table], instance=instance, raise_on_error=False).success
    logged = capfd.readouterr().err
    assert "]0;owned line\nnext line" in logged
    assert [mark for mark in ("\x1b]", "\x07", "\u202e") if mark in logged] == []
