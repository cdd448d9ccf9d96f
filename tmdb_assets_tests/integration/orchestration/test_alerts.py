"""Alerts, received by a real HTTP server: what is sent, once a day for each cause, even after the receiver was down."""

from __future__ import annotations

import datetime as dt
import json
import threading
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.test_utils import create_run_for_test
from pydantic import SecretStr

from tmdb_assets.instance.tags import WILL_RETRY_TAG
from tmdb_assets.orchestration import alerts, webhook
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, drop, forget_proxies, hang, interim, reply
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.memory_instance import memory_instance
from tmdb_assets_tests.stage.platform import platform

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(20))
SECRET = "hush-hush-hook"
PAST = DAY + 5 * ONE_DAY
GONE = "run backfill (no longer published (404))"
NO_EXPORT = "no longer published (404)"
ACCEPTED = interim(103, then=reply(200, b"ok"))


@pytest.fixture
def receiver(monkeypatch):
    """A real HTTP server that accepts every message unless a test scripts other answers."""
    forget_proxies(monkeypatch)
    with ScriptedServer(f"/hook/{SECRET}", ACCEPTED) as server:
        yield server


@pytest.fixture(scope="module")
def failed(server, loaded_database):
    """A platform with DAY loaded, after three runs that failed for one cause: no rows, no export."""

    def missing(day, *_):
        raise ExportGoneError(f"The id export of {day} is {NO_EXPORT}: <gone> & away", cause=NO_EXPORT)

    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        copied_warehouse(server, loaded_database) as made,
        platform(made, CATALOGUE, monkeypatch) as graph,
    ):
        graph.source.export = missing
        for number in range(3):
            fail(graph, PAST + number * ONE_DAY)
        yield graph


@pytest.fixture
def graph(failed):
    """The same, with nothing sent yet."""
    empty = dict.fromkeys((alerts.STATE_KEY, alerts.SEEN_KEY), "")
    failed.instance.daemon_cursor_storage.set_cursor_values(empty)
    return failed


@pytest.fixture
def quiet(failed):
    """The same warehouse with a new Dagster instance that has no runs."""
    with memory_instance() as instance:
        yield SimpleNamespace(warehouse=failed.warehouse, instance=instance)


def texts(receiver):
    return [json.loads(body)["text"] for body in receiver.bodies]


def send(graph, receiver, now=None, *changes, **settings):
    """Send what is pending; `changes` are SQL statements that hold only during the call."""
    given = {"alert_webhook_url": receiver.url, "tmdb_token": "t" * 32, **settings}
    with graph.warehouse.engine.connect() as connection, connection.begin() as transaction:
        for change in changes:
            connection.execute(sa.text(change))
        outcome = alerts.send_pending(graph.instance, connection, Settings.load(**given), now or later())
        transaction.rollback()
    return outcome


def sent(graph, receiver, now=None):
    """The causes sent, without overdue days: by the real clock the days of these tests are long ago."""
    return [cause for cause in send(graph, receiver, now).sent if not cause.startswith("overdue")]


def later(**change):
    """A time after the runs so far, whose times the storage takes from the real clock."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(**change)


def look_back_to(graph, moment):
    graph.instance.daemon_cursor_storage.set_cursor_values({alerts.SEEN_KEY: moment.isoformat()})


def fail(graph, day=PAST):
    return graph.run(day, today=PAST + 9 * ONE_DAY, job="backfill")


def test_nothing_to_report(graph, receiver):
    outcome = send(graph, receiver, later(days=1), "delete from load_day")
    assert str(outcome) == "Nothing to report."
    assert receiver.bodies == []


def test_failed_runs_of_one_cause_are_sent_once_a_day_with_reason_and_advice(graph, receiver, caplog):
    now = later()
    assert sent(graph, receiver, now) == [GONE]
    (text,) = texts(receiver)
    (line,) = [line for line in text.splitlines() if "run backfill" in line]
    assert line.startswith("• The run backfill for 3 days from 2026-08-03 to 2026-08-05 failed: 2026-08-0")
    assert (
        "(404): &lt;gone&gt; &amp; away. What is already stored is kept. Its log: tmdb-assets dev, page Runs, run "
        in line
    )
    assert "Alert: The run backfill for 3 days" in caplog.text
    fail(graph)  # for the same cause
    assert sent(graph, receiver, now) == []
    assert len(receiver.bodies) == 1
    assert SECRET not in caplog.text


def test_a_lasting_failure_is_sent_again_the_next_day(graph, receiver):
    now = later()
    assert sent(graph, receiver, now) == [GONE]
    look_back_to(graph, now - dt.timedelta(hours=1))
    assert sent(graph, receiver, now + ONE_DAY) == [GONE]


def test_what_was_sent_before_midnight_is_not_sent_again_after_it(graph, receiver):
    start = later(minutes=-30)
    midnight = dt.datetime.combine(later().date() + ONE_DAY, dt.time(), dt.UTC)
    look_back_to(graph, start)
    assert sent(graph, receiver, midnight - dt.timedelta(minutes=2)) == [GONE]
    look_back_to(graph, start)
    assert sent(graph, receiver, midnight + dt.timedelta(minutes=2)) == []


def test_a_failed_check_is_sent(graph, receiver, monkeypatch):
    broken = catalogue([*sound_films(3), *(film(number, runtime="ninety") for number in range(1, 9))])
    with platform(graph.warehouse, broken, monkeypatch) as other:
        run = other.run(DAY + ONE_DAY, charts=False)
        causes = sent(other, receiver)
    assert causes[0] == "run daily 2026-07-30"
    assert "check dim_movie.contract 2026-07-30" in causes
    (text,) = texts(receiver)
    assert "The run daily of 2026-07-30 failed: 8 of 22 rows of dim_movie (36.4%) broke their contract" in text
    command = "tmdb-assets backfill --from 2026-07-30 --to 2026-07-30"
    assert f"To run it again: {command}. Its log: tmdb-assets dev, page Runs, run {run.run_id}." in text
    told = "8 of 22 rows (36.4%) broke the contract of dim_movie"
    assert f"• The check dim_movie.contract of 2026-07-30 failed: {told}" in text
    assert "Its report: tmdb-assets dev, asset dim_movie, page Checks." in text


@pytest.mark.parametrize(("hour", "is_sent"), [(11, False), (12, True), (23, True)])
def test_today_is_overdue_from_noon(hour, is_sent, quiet, receiver):
    now = dt.datetime(2026, 7, 30, hour, tzinfo=dt.UTC)
    assert send(quiet, receiver, now).sent == (["overdue 2026-07-30"] if is_sent else [])
    assert send(quiet, receiver, now).sent == []
    assert len(receiver.bodies) == is_sent
    assert all("2026-07-30 is not loaded yet (last day requested: 2026-07-29)" in text for text in texts(receiver))


@pytest.mark.parametrize(
    ("status", "is_sent"), [(DagsterRunStatus.STARTED, False), (DagsterRunStatus.NOT_STARTED, True)]
)
def test_a_day_whose_run_is_in_progress_is_not_overdue(status, is_sent, quiet, receiver):
    create_run_for_test(quiet.instance, "daily", status=status, tags={"dagster/partition": "2026-07-30"})
    now = dt.datetime(2026, 7, 30, 15, tzinfo=dt.UTC)
    assert send(quiet, receiver, now).sent == (["overdue 2026-07-30"] if is_sent else [])


def test_days_missed_while_the_daemon_was_off_are_sent_when_it_is_back(quiet, receiver):
    now = dt.datetime(2026, 8, 2, 7, tzinfo=dt.UTC)
    assert send(quiet, receiver, now).sent == ["overdue before 2026-08-02"]
    assert "2026-07-30 to 2026-08-01 were missed" in texts(receiver)[0]
    assert "tmdb-assets backfill --from 2026-07-30 --to 2026-08-01" in texts(receiver)[0]
    # The gap filler brings popularity; the votes of these days stay missed.
    filled = "insert into load_day values ('2026-08-01', 0, 20, now())"
    assert send(quiet, receiver, now + ONE_DAY, filled).sent == ["overdue before 2026-08-03"]
    requested = "insert into load_day values ('2026-08-03', 20, 0, now())"
    assert send(quiet, receiver, now + 2 * ONE_DAY, filled, requested).sent == []


@pytest.mark.parametrize("change", ["delete from load_day", "update load_day set discover_count = 0"])
def test_an_empty_warehouse_and_one_with_exports_only_have_no_overdue_day(change, quiet, receiver):
    assert send(quiet, receiver, dt.datetime(2026, 8, 20, 20, tzinfo=dt.UTC), change).sent == []


def test_a_run_that_ended_before_its_first_step_is_sent(quiet, receiver):
    create_run_for_test(quiet.instance, "retention", status=DagsterRunStatus.FAILURE)
    assert sent(quiet, receiver) == ["run retention None"]
    assert "The run retention failed: it ended before a step could fail. Its log: " in texts(receiver)[0]


STOPPED, RAISED = RunFailureReason.UNEXPECTED_TERMINATION, RunFailureReason.RUN_EXCEPTION
RETRIES = [(STOPPED, "true", 0), (STOPPED, "false", 1), (RAISED, "true", 1)]


@pytest.mark.parametrize(("reason", "retried", "count"), RETRIES)
def test_an_interrupted_run_that_is_started_again_is_not_sent(reason, retried, count, quiet, receiver):
    tags = {WILL_RETRY_TAG: retried}
    run = create_run_for_test(quiet.instance, "retention", status=DagsterRunStatus.STARTED, tags=tags)
    quiet.instance.report_run_failed(run, job_failure_data=JobFailureData(error=None, failure_reason=reason))
    assert sent(quiet, receiver) == ["run retention None"] * count


@pytest.mark.parametrize(
    ("answer", "reason", "tries"),
    [
        (reply(503), "status 503", webhook.TRIES),
        (reply(429, headers={"Retry-After": "30"}), "status 429", webhook.TRIES),
        (drop, "it cannot be reached: ConnectionError", webhook.TRIES),
        (reply(404, b"no_service"), "status 404", 1),
        (reply(302, headers={"Location": "/elsewhere"}), "status 302, a redirect; it must be the final address", 1),
        (hang, "no answer within 0.2 s", 1),
    ],
)
def test_a_message_that_the_receiver_refuses_is_sent_again(answer, reason, tries, graph, receiver, monkeypatch, caplog):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    receiver.plays(answer)
    now = later()
    outcomes = [send(graph, receiver, now) for _ in range(2)]
    assert [outcome.sent for outcome in outcomes] == [(), ()]
    assert str(outcomes[0]).endswith(f"): ALERT_WEBHOOK_URL does not accept it ({reason}). The next tick tries again.")
    assert len(receiver.bodies) == 2 * tries
    assert caplog.text.count(f"ALERT_WEBHOOK_URL does not accept the alert ({reason})") == 1
    assert caplog.text.count("Alert: The run backfill for 3 days") == 1
    assert SECRET not in caplog.text
    receiver.plays(ACCEPTED)
    assert GONE in send(graph, receiver, now).sent
    assert sent(graph, receiver, now) == []


def test_a_receiver_that_never_answers_gets_a_message_three_times(graph, receiver, monkeypatch, caplog):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.1)
    receiver.plays(hang)
    now = later()
    assert [GONE in send(graph, receiver, now).sent for _ in range(4)] == [False, False, True, False]
    assert len(receiver.bodies) == alerts.MOST_UNCONFIRMED
    assert "did not answer 3 messages; they count as sent" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "a..b", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_reached_raises_nothing(host, graph, receiver, caplog):
    receiver.url = f"http://{host}/{SECRET}"
    assert send(graph, receiver).sent == ()
    assert "ALERT_WEBHOOK_URL does not accept the alert" in caplog.text
    assert SECRET not in caplog.text


def test_two_processes_send_one_cause_once(graph, receiver, monkeypatch):
    now = later()
    monkeypatch.setattr(alerts, "LOCK_WAIT", "50ms")
    with graph.warehouse.begin() as other:
        other.exec_driver_sql(alerts.ALERT_LOCK)
        assert str(send(graph, receiver, now)).startswith("Not sent: another process is sending alerts.")
    assert receiver.bodies == []
    monkeypatch.setattr(alerts, "LOCK_WAIT", "20s")
    both = threading.Barrier(2)
    threads = [threading.Thread(target=lambda: (both.wait(), send(graph, receiver, now))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.bodies) == 1


def test_sample_alerts_are_marked_and_without_a_receiver_the_log_has_them(graph, receiver, caplog):
    now = later()
    assert GONE in send(graph, receiver, now, tmdb_token=None).sent
    assert texts(receiver)[0].startswith("tmdb-assets: [SAMPLE] ")
    look_back_to(graph, now - dt.timedelta(hours=1))
    caplog.clear()
    assert GONE in send(graph, receiver, now + ONE_DAY, alert_webhook_url=None).sent
    assert "Alert: The run backfill" in caplog.text


def test_a_message_lists_ten_and_says_how_many_more_there_are():
    found = [alerts.Alert((str(number),), f"Failure {number}.") for number in range(1, 13)]
    lines = alerts._message(Settings.load(tmdb_token="t" * 32), found).splitlines()
    assert (lines[0], lines[1], len(lines)) == ("tmdb-assets: 12 alerts", "• Failure 1.", 12)
    assert lines[-1] == "and 2 more: tmdb-assets dev, page Runs"


def test_a_message_has_nothing_that_its_reader_cannot_see(receiver):
    webhook.post(SecretStr(receiver.url), "two\x1b[31m\nlines \u202e<ekil> this\u200b")
    assert texts(receiver) == ["two [31m\nlines &lt;ekil&gt; this"]
