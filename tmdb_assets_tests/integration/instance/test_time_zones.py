"""Dagster's storage in a database with a time zone and a date style of its own: its times are those of UTC."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from tmdb_assets.orchestration import alerts
from tmdb_assets.orchestration.gaps import Gap, due_gaps
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets_tests.integration.instance.test_storage import DAGSTER_YAML
from tmdb_assets_tests.stage.gap_ticks import note_run
from tmdb_assets_tests.stage.postgres import as_text, connect, needs_embedded, settings

pytestmark = needs_embedded

DAY = dt.date(2026, 7, 29)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
ZONES = ("America/New_York", "Asia/Kolkata", "UTC")


@pytest.fixture
def opened(embedded, tmp_path, monkeypatch):
    """Opens Dagster's instance of `tmp_path` on a server."""
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists dagster with (force)")
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)

    def open_on(url):
        monkeypatch.setattr(server_module, "get_settings", lambda: settings(as_text(url), token="t"))
        monkeypatch.setattr(server_module, "_servers", {})
        return DagsterInstance.from_config(str(tmp_path))

    yield open_on
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists dagster with (force)")


def set_in_dagster(embedded, **values):
    with connect(embedded.url) as connection:
        for name, value in values.items():
            connection.execute(f"alter database dagster set {name} = '{value}'")


def failed_run(instance):
    """The run id of a run of the gap filler that failed just now."""
    run = note_run(SimpleNamespace(instance=instance), DAY, DagsterRunStatus.STARTED, "gap")
    instance.report_run_failed(run)
    return run.run_id


def assert_times_are_now(instance, warehouse, run_id):
    now = dt.datetime.now(dt.UTC)
    (record,) = instance.get_run_records(RunsFilter(run_ids=[run_id], updated_after=now - 5 * MINUTE))
    assert abs(record.create_timestamp - now) < 5 * MINUTE  # what the UI shows
    assert abs(record.update_timestamp - now) < 5 * MINUTE
    assert not instance.get_run_records(RunsFilter(run_ids=[run_id], updated_after=now + 5 * MINUTE))
    gaps = [Gap(DAY, False)]
    assert due_gaps(instance, gaps, now, "gap_filler", "https://exports", today=now.date()).gaps == []
    due = due_gaps(instance, gaps, now + 5 * HOUR, "gap_filler", "https://exports", today=now.date())
    assert [gap for gap, _ in due.gaps] == gaps
    empty = dict.fromkeys((alerts.STATE_KEY, alerts.SEEN_KEY), "")
    instance.daemon_cursor_storage.set_cursor_values(empty)
    with warehouse.begin() as connection:
        outcome = alerts.send_pending(instance, connection, Settings.load(), now)
    assert outcome.sent == [f"run backfill {DAY}"]


@pytest.mark.parametrize("zone", ZONES)
def test_runs_alerts_and_gaps_have_the_times_of_utc(zone, opened, embedded, warehouse, monkeypatch):
    url = embedded.url.set(database="postgres")
    opened(url).dispose()
    set_in_dagster(embedded, timezone=zone, datestyle="German, DMY", client_encoding="LATIN1")
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("PGTZ", zone)
    monkeypatch.setenv("PGDATESTYLE", "German")
    time.tzset()
    try:
        with opened(url) as instance:
            assert_times_are_now(instance, warehouse, failed_run(instance))
            instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=60, max_overflow=5)
            assert_times_are_now(instance, warehouse, failed_run(instance))
    finally:
        monkeypatch.undo()
        time.tzset()
