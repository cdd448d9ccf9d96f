"""Which runs an alert looks back to, and when today is late: at the edges of each time."""

from __future__ import annotations

import datetime as dt

import pytest
from dagster import DagsterRunStatus, RunRecord

from tmdb_assets.orchestration import alerts, gaps
from tmdb_assets.orchestration.overdue import overdue_days
from tmdb_assets.settings import Settings
from tmdb_assets_tests.stage.gap_ticks import HOUR, note_loaded, note_run
from tmdb_assets_tests.stage.many_days import ONE_DAY

DAY = dt.date(2026, 7, 29)
MINUTE = HOUR / 60


@pytest.fixture
def ledger(days):
    """An empty warehouse, and a run that failed just now."""
    days.failed_at = dt.datetime.now(dt.UTC)
    note_run(days, DAY, DagsterRunStatus.FAILURE)
    return days


def is_sent(ledger, later, seen=None):
    """Whether the failure is sent that much later, where the last alerts were sent at `seen`."""
    if seen is not None:
        ledger.instance.daemon_cursor_storage.set_cursor_values(
            {alerts.SEEN_KEY: (ledger.failed_at + seen).isoformat()}
        )
    with ledger.warehouse.begin() as connection:
        outcome = alerts.send_pending(ledger.instance, connection, Settings.load(), ledger.failed_at + later)
    return outcome.sent == [f"run backfill {DAY}"]


@pytest.mark.parametrize(("later", "found"), [(6.9 * ONE_DAY, True), (7.1 * ONE_DAY, False)])
def test_after_a_long_pause_a_week_is_looked_back_to(ledger, later, found):
    assert is_sent(ledger, later, seen=-30 * ONE_DAY) is found


@pytest.mark.parametrize(("seen", "found"), [(4 * MINUTE, True), (6 * MINUTE, False)])
def test_runs_of_the_last_minutes_are_read_again(ledger, seen, found):
    """A run's end may be stored after a later one's."""
    assert is_sent(ledger, 8 * MINUTE, seen) is found


@pytest.mark.parametrize(("later", "found"), [(59 * MINUTE, True), (61 * MINUTE, False)])
def test_the_first_time_an_hour_is_looked_back_to(ledger, later, found):
    assert is_sent(ledger, later) is found


def test_what_was_refused_is_found_again_later(ledger, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(alerts, "_send", lambda *_: "it is down")
        assert not is_sent(ledger, 30 * MINUTE)
    assert is_sent(ledger, 50 * MINUTE)
    assert not is_sent(ledger, 51 * MINUTE)


@pytest.mark.parametrize(
    ("clock", "is_loaded", "late"), [("11:59", False, 0), ("12:00", False, 1), ("12:00", True, 0), ("23:59", True, 0)]
)
def test_today_is_late_from_noon_unless_it_is_loaded(ledger, clock, is_loaded, late):
    note_loaded(ledger, DAY - ONE_DAY, *([DAY] if is_loaded else []))
    now = dt.datetime.combine(DAY, dt.time.fromisoformat(clock), dt.UTC)
    with ledger.warehouse.begin() as connection:
        assert [found.cause for found in overdue_days(ledger.instance, connection, now)] == [f"overdue {DAY}"] * late


def test_the_wait_for_the_next_try_counts_from_the_end_of_a_run(ledger):
    """Its record changes later, as by a tag; a run that ended before it began has no other time."""
    (record,) = ledger.instance.get_run_records()
    ended = record.update_timestamp - 3 * HOUR
    kept = (record.storage_id, record.dagster_run, record.create_timestamp, record.update_timestamp)
    assert gaps._ended_at(RunRecord(*kept, end_time=ended.timestamp())) == ended
    assert gaps._ended_at(RunRecord(*kept)) == record.update_timestamp
