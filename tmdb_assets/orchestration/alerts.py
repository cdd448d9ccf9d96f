"""Alerts: a failed run, a failed check, an overdue day. To the log and `ALERT_WEBHOOK_URL`, once a day for each cause.

Dagster's storage keeps what was sent, and one process at a time sends, so that the sensor and the command report each
cause once. What is found at one time goes out as one message: to the log at once, to a receiver that is down later.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import sqlalchemy as sa
from dagster import AssetCheckSeverity, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from tmdb_assets.assets.failures import is_interruption, read_problem
from tmdb_assets.errors.problem import Problem, Retry, plain
from tmdb_assets.instance.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG
from tmdb_assets.orchestration.alert_kinds import CHECK, RUN
from tmdb_assets.orchestration.overdue import overdue_days
from tmdb_assets.orchestration.webhook import NoAnswerError, ReceiverError, post
from tmdb_assets.settings import Settings

STATE_KEY = "tmdb_assets/alerts_sent"
SEEN_KEY = "tmdb_assets/alerts_seen_until"
ALERT_LOCK = "lock table load_day in share update exclusive mode"  # one process at a time sends; loads do not wait
LOCK_WAIT = "20s"
FIRST_LOOK_BACK = dt.timedelta(hours=1)
LONGEST_LOOK_BACK = dt.timedelta(days=7)
OVERLAP = dt.timedelta(minutes=5)  # runs of the last minutes are read again: what was sent is known by its cause
MOST_LINES = 10
LONGEST_REASON = 500
MOST_UNCONFIRMED = 3  # messages without an answer, before their content counts as sent
DONE = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """One line of a message. The same failure has the same `causes`, each of which is sent once a day."""

    causes: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Outcome:
    """The causes sent, those that wait for the receiver, and why they wait."""

    sent: Sequence[str] = ()
    waiting: Sequence[str] = ()
    fault: str | None = None

    def __str__(self) -> str:
        if self.fault:
            what = f" ({'; '.join(self.waiting)})" if self.waiting else ""
            return f"Not sent{what}: {self.fault}. The next tick tries again."
        return f"Sent: {'; '.join(self.sent)}." if self.sent else "Nothing to report."


@dataclass(frozen=True)
class _Failure:
    """A failed run or check; those of one `topic` share a line."""

    cause: str
    topic: str
    subject: str
    day: str | None
    reason: str
    advice: str


@dataclass
class _State:
    """What is stored between two calls: each cause with the day on which it was sent or logged, and the last fault."""

    sent: dict[str, str] = field(default_factory=dict)
    logged: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    unconfirmed: int = 0

    @classmethod
    def read(cls, instance: DagsterInstance, now: dt.datetime) -> _State:
        """The stored causes of today, and those sent so shortly before midnight that their runs are read again."""
        text = instance.daemon_cursor_storage.get_cursor_values({STATE_KEY}).get(STATE_KEY)
        state = cls(**json.loads(text)) if text else cls()
        days = {now.date().isoformat(), (now - OVERLAP).date().isoformat()}
        state.sent = {cause: day for cause, day in state.sent.items() if day in days}
        state.logged = {cause: day for cause, day in state.logged.items() if day in days}
        return state

    def write(self, instance: DagsterInstance) -> None:
        """Store it."""
        instance.daemon_cursor_storage.set_cursor_values({STATE_KEY: json.dumps(vars(self))})


def send_pending(instance: DagsterInstance, connection: sa.Connection, settings: Settings, now: dt.datetime) -> Outcome:
    """Log and send what has failed since the last call and was not sent today.

    `connection` is the warehouse's, in a transaction. A message that the receiver refuses is sent again by the next
    call; the refusal is logged once a day for each reason. One that it does not answer in time is sent at most
    `MOST_UNCONFIRMED` times.
    """
    with _one_at_a_time(connection) as is_mine:
        if not is_mine:
            return Outcome(fault="another process is sending alerts")
        seen = instance.daemon_cursor_storage.get_cursor_values({SEEN_KEY}).get(SEEN_KEY)
        since = dt.datetime.fromisoformat(seen) - OVERLAP if seen else now - FIRST_LOOK_BACK
        since = max(since, now - LONGEST_LOOK_BACK)
        state = _State.read(instance, now)
        found = _of_runs(instance, since, state, now)
        overdue = overdue_days(instance, connection, now)
        found += [Alert((one.cause,), one.text) for one in overdue if one.cause not in state.sent]
        outcome = _report(settings, found, state, now)
        state.write(instance)
        if outcome.fault is None:
            instance.daemon_cursor_storage.set_cursor_values({SEEN_KEY: now.isoformat()})
        return outcome


@contextmanager
def _one_at_a_time(connection: sa.Connection) -> Iterator[bool]:
    """Hold the lock until the transaction ends; False if another process keeps it for longer than `LOCK_WAIT`."""
    try:
        with connection.begin_nested():
            connection.execute(sa.text("select set_config('lock_timeout', :wait, true)"), {"wait": LOCK_WAIT})
            connection.exec_driver_sql(ALERT_LOCK)
    except sa.exc.OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        yield False
        return
    yield True


def _of_runs(instance: DagsterInstance, since: dt.datetime, state: _State, now: dt.datetime) -> list[Alert]:
    """One alert for each topic: the days it concerns, and the newest failure's reason."""
    topics: dict[str, dict[str, _Failure]] = {}
    for record in reversed(instance.get_run_records(RunsFilter(statuses=DONE, updated_after=since))):
        for failure in _of_run(instance, record.dagster_run, now):
            if failure.cause not in state.sent:
                topics.setdefault(failure.topic, {})[f"{failure.cause} {failure.day}"] = failure
    return [_alert(list(failures.values())) for failures in topics.values()]


def _alert(failures: Sequence[_Failure]) -> Alert:
    last = failures[-1]
    days = sorted({failure.day for failure in failures if failure.day})
    when = f" of {days[0]}" if days else ""
    if len(days) > 1:
        when = f" for {len(days)} days from {days[0]} to {days[-1]}"
    causes = tuple(dict.fromkeys(failure.cause for failure in failures))
    return Alert(causes, f"The {last.subject}{when} failed: {last.reason} {last.advice}")


def _of_run(instance: DagsterInstance, run: DagsterRun, now: dt.datetime) -> Iterator[_Failure]:
    day = run.tags.get(PARTITION_NAME_TAG)
    if run.status == DagsterRunStatus.FAILURE and not _is_resumed(instance, run):
        problem = _first_problem(instance, run)
        # A cause that many days share is reported once for all of them.
        cause = RUN.cause(f"{run.job_name} {f'({problem.cause})' if problem.cause else day}")
        log = f"Its log: tmdb-assets dev, page Runs, run {run.run_id}."
        advice = log if problem.retry is Retry.NEVER else f"{_again(day, now)}{log}"
        yield _Failure(cause, cause, f"run {run.job_name}", day, _sentence(str(problem)), advice)
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is None:
            continue
        check = entry.dagster_event.asset_check_evaluation_data
        if not check.passed and check.severity == AssetCheckSeverity.ERROR:
            asset = check.asset_key.to_user_string()
            name = CHECK.cause(f"{asset}.{check.check_name}")
            advice = f"Its report: tmdb-assets dev, asset {asset}, page Checks."
            yield _Failure(f"{name} {day}", name, name, day, _sentence(check.description or "no reason given"), advice)


def _is_resumed(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether Dagster starts a run again that ended with its service, as in a restart: that is no failure."""
    if run.tags.get(WILL_RETRY_TAG) != "true":
        return False
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
    return any(is_interruption(entry.dagster_event) for entry in entries if entry.dagster_event is not None)


def _again(day: str | None, now: dt.datetime) -> str:
    if day is None:
        return ""
    command = "run" if day == now.date().isoformat() else f"backfill --from {day} --to {day}"
    return f"To run it again: tmdb-assets {command}. "


def _first_problem(instance: DagsterInstance, run: DagsterRun) -> Problem:
    """The problem of the first failed step, else that of the run as a whole."""
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run.run_id, of_type=kind):
            if entry.dagster_event is not None:
                return read_problem(entry.dagster_event)
    return Problem("it ended before a step could fail")


def _sentence(text: str) -> str:
    """The text on one line, shortened to `LONGEST_REASON`, with a full stop."""
    line = " ".join(plain(text).split())
    line = line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _report(settings: Settings, found: Sequence[Alert], state: _State, now: dt.datetime) -> Outcome:
    """Log what is new, send everything in one message, and record the outcome in `state`."""
    today, causes = now.date().isoformat(), [cause for alert in found for cause in alert.causes]
    for alert in found:
        if not set(alert.causes) <= set(state.logged):
            logger.error("Alert: %s", alert.text)
        state.logged.update(dict.fromkeys(alert.causes, today))
    fault = _send(settings, found, state, today) if found else None
    if fault is not None:
        return Outcome(waiting=causes, fault=f"ALERT_WEBHOOK_URL does not accept it ({fault})")
    state.sent.update(dict.fromkeys(causes, today))
    return Outcome(sent=causes)


def _send(settings: Settings, found: Sequence[Alert], state: _State, today: str) -> str | None:
    """Send one message; return why the receiver did not accept it. Without a receiver, the log is enough."""
    if settings.alert_webhook_url is None:
        return None
    try:
        post(settings.alert_webhook_url, _message(settings, found))
    except ReceiverError as error:
        reason = error.problem.what
        if f"{today} {reason}" != state.fault:
            logger.error("ALERT_WEBHOOK_URL does not accept the alert (%s); the next tick tries again.", reason)
        state.fault = f"{today} {reason}"
        state.unconfirmed += isinstance(error, NoAnswerError)
        if state.unconfirmed < MOST_UNCONFIRMED:
            return reason
        logger.error("ALERT_WEBHOOK_URL did not answer %d messages; they count as sent.", state.unconfirmed)
    state.fault, state.unconfirmed = None, 0
    return None


def _message(settings: Settings, found: Sequence[Alert]) -> str:
    name = f"tmdb-assets: {'[SAMPLE] ' if settings.is_sandbox else ''}"
    if len(found) == 1:
        return f"{name}{found[0].text}"
    lines = [f"{name}{len(found)} alerts", *(f"• {alert.text}" for alert in found[:MOST_LINES])]
    if len(found) > MOST_LINES:
        lines.append(f"and {len(found) - MOST_LINES} more: tmdb-assets dev, page Runs")
    return "\n".join(lines)
