"""Alerts: a run failed, a check failed, a day is missed. To `ALERT_WEBHOOK_URL` and the log, one a day for one cause.

What was told is kept in Dagster's storage, and one process at a time tells, so that the sensor and the command tell of
the same thing once. What a look finds goes out as one message. A receiver that is away hears of it later; the log hears
of it at once.
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

from tmdb_assets.assets.failures import read_problem
from tmdb_assets.errors.problem import Problem, Retry
from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.orchestration.overdue import missed_days
from tmdb_assets.orchestration.webhook import NoAnswerError, ReceiverError, post
from tmdb_assets.settings import Settings

STATE_KEY = "tmdb_assets/alerts"
SEEN_KEY = "tmdb_assets/alerts_seen_until"
ALERT_LOCK = 7_308_332_004  # advisory lock: one process at a time tells
LOCK_WAIT = "20s"
FIRST_LOOK_BACK = dt.timedelta(hours=1)
LONGEST_LOOK_BACK = dt.timedelta(days=7)
OVERLAP = dt.timedelta(minutes=5)  # runs are looked at again for so long: what was told is known by its cause
MOST_LINES = 10
LONGEST_REASON = 500
MOST_DOUBTS = 3  # messages that were sent and not answered, before what they say counts as told
DONE = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """One line of a message; each of `causes` is the same for the same trouble, so that it is told once a day."""

    causes: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Look:
    """What came of a look: the causes told, those that wait for the receiver, and why they do."""

    told: Sequence[str] = ()
    waiting: Sequence[str] = ()
    fault: str | None = None

    def __str__(self) -> str:
        if self.fault:
            what = f" ({'; '.join(self.waiting)})" if self.waiting else ""
            return f"Not told{what}: {self.fault}. It is tried again at the next look."
        return f"Told: {'; '.join(self.told)}." if self.told else "Nothing to tell."


@dataclass(frozen=True)
class _Trouble:
    """A failed run or check; those of one `topic` share a line."""

    cause: str
    topic: str
    subject: str
    day: str | None
    reason: str
    advice: str


@dataclass
class _Books:
    """What is kept from look to look: causes with the day on which they were told or logged, and the last fault."""

    told: dict[str, str] = field(default_factory=dict)
    logged: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    doubts: int = 0

    @classmethod
    def read(cls, instance: DagsterInstance, now: dt.datetime) -> _Books:
        """The books without what is too old: told today, or so shortly before midnight that it is found again."""
        text = instance.daemon_cursor_storage.get_cursor_values({STATE_KEY}).get(STATE_KEY)
        books = cls(**json.loads(text)) if text else cls()
        days = {now.date().isoformat(), (now - OVERLAP).date().isoformat()}
        for known in (books.told, books.logged):
            for cause in [cause for cause, day in known.items() if day not in days]:
                del known[cause]
        return books

    def write(self, instance: DagsterInstance) -> None:
        """Keep them."""
        instance.daemon_cursor_storage.set_cursor_values({STATE_KEY: json.dumps(vars(self))})


def look(instance: DagsterInstance, connection: sa.Connection, settings: Settings, now: dt.datetime) -> Look:
    """Tell what happened since the last look and was not told today.

    `connection` is the warehouse's, in a transaction. When the receiver does not take the message the log says so once
    a day for one reason, and the next look tries again; one that took it but did not answer in time hears of the same
    up to three times.
    """
    with _one_at_a_time(connection) as is_mine:
        if not is_mine:
            return Look(fault="another process is telling at this moment")
        seen = instance.daemon_cursor_storage.get_cursor_values({SEEN_KEY}).get(SEEN_KEY)
        since = dt.datetime.fromisoformat(seen) - OVERLAP if seen else now - FIRST_LOOK_BACK
        since = max(since, now - LONGEST_LOOK_BACK)
        books = _Books.read(instance, now)
        found = [*_of_runs(instance, since, books, now), *_of_missed_days(instance, connection, books, now)]
        outcome = _tell(settings, found, books, now)
        books.write(instance)
        if outcome.fault is None:
            instance.daemon_cursor_storage.set_cursor_values({SEEN_KEY: now.isoformat()})
        return outcome


@contextmanager
def _one_at_a_time(connection: sa.Connection) -> Iterator[bool]:
    """Hold the lock until the transaction ends; False where another process keeps it for too long."""
    try:
        with connection.begin_nested():
            connection.execute(sa.text("select set_config('lock_timeout', :wait, true)"), {"wait": LOCK_WAIT})
            connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": ALERT_LOCK})
    except sa.exc.OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        yield False
        return
    yield True


def _of_missed_days(
    instance: DagsterInstance, connection: sa.Connection, books: _Books, now: dt.datetime
) -> Iterator[Alert]:
    for missed in missed_days(instance, connection, now):
        if missed.cause not in books.told:
            yield Alert((missed.cause,), missed.text)


def _of_runs(instance: DagsterInstance, since: dt.datetime, books: _Books, now: dt.datetime) -> Iterator[Alert]:
    """One alert for each topic, with the days it concerns; the newest tells its reason."""
    topics: dict[str, dict[str, _Trouble]] = {}
    for record in reversed(instance.get_run_records(RunsFilter(statuses=DONE, updated_after=since))):
        for trouble in _of_run(instance, record.dagster_run, now):
            if trouble.cause not in books.told:
                topics.setdefault(trouble.topic, {})[f"{trouble.cause} {trouble.day}"] = trouble
    for troubles in topics.values():
        yield _alert(list(troubles.values()))


def _alert(troubles: Sequence[_Trouble]) -> Alert:
    last = troubles[-1]
    days = sorted({trouble.day for trouble in troubles if trouble.day})
    when = f" of {days[0]}" if days else ""
    if len(days) > 1:
        when = f" for {len(days)} days from {days[0]} to {days[-1]}"
    causes = tuple(dict.fromkeys(trouble.cause for trouble in troubles))
    return Alert(causes, f"The {last.subject}{when} failed: {last.reason} {last.advice}")


def _of_run(instance: DagsterInstance, run: DagsterRun, now: dt.datetime) -> Iterator[_Trouble]:
    day = run.tags.get(PARTITION_NAME_TAG)
    if run.status == DagsterRunStatus.FAILURE:
        problem = _first_problem(instance, run)
        # What is one cause for many days is told once, whichever they are.
        cause = f"run {run.job_name} {f'({problem.cause})' if problem.cause else day}"
        log = f"Its log: tmdb-assets dev, page Runs, run {run.run_id}."
        advice = log if problem.retry is Retry.NEVER else f"{_again(day, now)}{log}"
        yield _Trouble(cause, cause, f"run {run.job_name}", day, _sentence(str(problem)), advice)
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        if entry.dagster_event is None:
            continue
        check = entry.dagster_event.asset_check_evaluation_data
        if not check.passed and check.severity == AssetCheckSeverity.ERROR:
            asset = check.asset_key.to_user_string()
            name = f"check {asset}.{check.check_name}"
            advice = f"Its report: tmdb-assets dev, asset {asset}, page Checks."
            yield _Trouble(f"{name} {day}", name, name, day, _sentence(check.description or "no reason given"), advice)


def _again(day: str | None, now: dt.datetime) -> str:
    if day is None:
        return ""
    command = "run" if day == now.date().isoformat() else f"backfill --from {day} --to {day}"
    return f"To run it again: tmdb-assets {command}. "


def _first_problem(instance: DagsterInstance, run: DagsterRun) -> Problem:
    """That of the first failed step; without one, what the run as a whole failed with."""
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run.run_id, of_type=kind):
            if entry.dagster_event is not None:
                return read_problem(entry.dagster_event)
    return Problem("it ended before a step could fail")


def _sentence(text: str) -> str:
    """On one line, not too long, with a full stop."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _tell(settings: Settings, found: Sequence[Alert], books: _Books, now: dt.datetime) -> Look:
    """Log what is new, send all in one message, and note what came of it in the books."""
    today, causes = now.date().isoformat(), [cause for alert in found for cause in alert.causes]
    for alert in found:
        if not set(alert.causes) <= set(books.logged):
            logger.error("Alert: %s", alert.text)
        books.logged.update(dict.fromkeys(alert.causes, today))
    fault = _send(settings, found, books, today) if found else None
    if fault is not None:
        return Look(waiting=causes, fault=f"ALERT_WEBHOOK_URL does not take it ({fault})")
    books.told.update(dict.fromkeys(causes, today))
    return Look(told=causes)


def _send(settings: Settings, found: Sequence[Alert], books: _Books, today: str) -> str | None:
    """Send one message for all; why the receiver did not take it. Without a receiver the log is enough."""
    if settings.alert_webhook_url is None:
        return None
    try:
        post(settings.alert_webhook_url, _message(settings, found))
    except ReceiverError as error:
        reason = error.problem.what
        if f"{today} {reason}" != books.fault:
            logger.error("ALERT_WEBHOOK_URL does not take the alert (%s); it is tried again at the next look.", reason)
        books.fault = f"{today} {reason}"
        books.doubts += isinstance(error, NoAnswerError)
        if books.doubts < MOST_DOUBTS:
            return reason
        logger.error("ALERT_WEBHOOK_URL gave no answer to %d messages; they count as told.", books.doubts)
    books.fault, books.doubts = None, 0
    return None


def _message(settings: Settings, found: Sequence[Alert]) -> str:
    name = f"tmdb-assets: {'[SAMPLE] ' if settings.is_sandbox else ''}"
    if len(found) == 1:
        return f"{name}{found[0].text}"
    lines = [f"{name}{len(found)} alerts", *(f"• {alert.text}" for alert in found[:MOST_LINES])]
    if len(found) > MOST_LINES:
        lines.append(f"and {len(found) - MOST_LINES} more: tmdb-assets dev, page Runs")
    return "\n".join(lines)
