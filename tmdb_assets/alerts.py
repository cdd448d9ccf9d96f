"""Alerts: a run failed, a check failed, a day is missed. To `ALERT_WEBHOOK_URL` and the log, one a day for one cause.

What was sent is kept in Dagster's storage, so that the sensor and the command tell of the same thing once. The message
is the JSON that Slack's incoming webhooks take, and Mattermost's, Rocket.Chat's and others' with them.
Reference: https://api.slack.com/messaging/webhooks
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import requests
import sqlalchemy as sa
import tenacity
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckSeverity
from dagster._core.storage.tags import PARTITION_NAME_TAG

from tmdb_assets.missing_day import read_reason
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.latest import NEWEST_DAY

SENT_KEY = "tmdb_assets/alerts_sent"
SEEN_KEY = "tmdb_assets/alerts_seen_until"
LATE_AT = dt.time(12, tzinfo=dt.UTC)  # three hours after the schedule
FIRST_LOOK_BACK = dt.timedelta(hours=1)
OVERLAP = dt.timedelta(minutes=5)  # runs are looked at again for so long: what was told is known by its cause
TIMEOUT_S = 10
TRIES = 3
DONE = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """What happened; `cause` is the same for the same trouble, so that it is told once a day."""

    cause: str
    text: str


def look(instance: DagsterInstance, connection: sa.Connection, settings: Settings, now: dt.datetime) -> list[Alert]:
    """Send what happened since the last look and was not told today; return what was sent.

    When the receiver cannot be reached the log says so, and the next look tries again.
    """
    seen = instance.daemon_cursor_storage.get_cursor_values({SEEN_KEY}).get(SEEN_KEY)
    since = dt.datetime.fromisoformat(seen) - OVERLAP if seen else now - FIRST_LOOK_BACK
    found = [*_of_runs(instance, since), *missed_day(connection, now)]
    sent, is_all = _send_new(instance, settings, found, now)
    if is_all:
        instance.daemon_cursor_storage.set_cursor_values({SEEN_KEY: now.isoformat()})
    return sent


def tell_run(instance: DagsterInstance, settings: Settings, run_id: str, now: dt.datetime) -> list[Alert]:
    """Send what came of one run that just ended, for those who run no daemon; return what was sent."""
    run = instance.get_run_by_id(run_id)
    return _send_new(instance, settings, _of_run(instance, run) if run else [], now)[0]


def missed_day(connection: sa.Connection, now: dt.datetime) -> Iterator[Alert]:
    """Today, when it is not loaded by noon (UTC) although other days are."""
    newest: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
    if newest is not None and newest < now.date() and now.timetz() >= LATE_AT:
        text = (
            f"{now.date()} is not loaded yet (newest day: {newest}). TMDb tells its votes until midnight UTC only: "
            "run it now (tmdb-assets run), and see whether the daemon is alive (tmdb-assets doctor)."
        )
        yield Alert(f"missed {now.date()}", text)


def _of_runs(instance: DagsterInstance, since: dt.datetime) -> Iterator[Alert]:
    for record in instance.get_run_records(RunsFilter(statuses=DONE, updated_after=since)):
        yield from _of_run(instance, record.dagster_run)


def _of_run(instance: DagsterInstance, run: DagsterRun) -> Iterator[Alert]:
    day = run.tags.get(PARTITION_NAME_TAG)
    of_day = f" of {day}" if day else ""
    if run.status == DagsterRunStatus.FAILURE:
        yield Alert(
            f"run {run.job_name} {day}",
            f"The run {run.job_name}{of_day} failed: {_reason(instance, run)} (run {run.run_id})",
        )
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is None:
            continue
        check = entry.dagster_event.asset_check_evaluation_data
        if not check.passed and check.severity == AssetCheckSeverity.ERROR:
            name = f"{check.asset_key.to_user_string()}.{check.check_name}"
            yield Alert(f"check {name} {day}", f"The check {name}{of_day} failed: {check.description}")


def _reason(instance: DagsterInstance, run: DagsterRun) -> str:
    """The first failed step's own words, on one line."""
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        if entry.dagster_event is None:
            continue
        reason = read_reason(entry.dagster_event.step_failure_data)
        return f"{entry.dagster_event.step_key}: {reason or 'no reason given'}"
    return "it ended before a step could fail; see its log"


def _send_new(
    instance: DagsterInstance, settings: Settings, found: Iterable[Alert], now: dt.datetime
) -> tuple[list[Alert], bool]:
    """Send what was not told today; whether all of it could be sent comes second."""
    sent = _sent_before(instance, now)
    told: list[Alert] = []
    news = {alert.cause: alert for alert in found if alert.cause not in sent}
    for alert in news.values():
        logger.error("Alert: %s", alert.text)
    for alert in news.values():
        if not _post(settings, alert):
            return told, False
        sent[alert.cause] = now.date().isoformat()
        told.append(alert)
        instance.daemon_cursor_storage.set_cursor_values({SENT_KEY: json.dumps(sent)})
    return told, True


def _sent_before(instance: DagsterInstance, now: dt.datetime) -> dict[str, str]:
    """Causes told today, or so shortly before midnight that their runs are looked at again today."""
    text = instance.daemon_cursor_storage.get_cursor_values({SENT_KEY}).get(SENT_KEY)
    known: dict[str, str] = json.loads(text) if text else {}
    days = {now.date().isoformat(), (now - OVERLAP).date().isoformat()}
    return {cause: day for cause, day in known.items() if day in days}


def _post(settings: Settings, alert: Alert) -> bool:
    """Send one alert; without a receiver the log is enough. False when the receiver did not take it."""
    if settings.alert_webhook_url is None:
        return True
    mark = "[SAMPLE] " if settings.is_sandbox else ""
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_exponential(multiplier=0.2, max=2),
        retry=tenacity.retry_if_exception_type(requests.RequestException),
        reraise=True,
    )
    try:
        retrying(
            _post_once, settings.alert_webhook_url.get_secret_value(), {"text": f"tmdb-assets: {mark}{alert.text}"}
        )
    except requests.RequestException as error:
        # Not the error's own text: it holds the address, which is a secret.
        status = getattr(error.response, "status_code", None)
        reason = f"status {status}" if status else type(error).__name__
        logger.error("ALERT_WEBHOOK_URL does not take the alert (%s); it is tried again at the next look.", reason)
        return False
    return True


def _post_once(url: str, message: dict[str, str]) -> None:
    response = requests.post(url, json=message, timeout=TIMEOUT_S, allow_redirects=False)
    response.raise_for_status()
