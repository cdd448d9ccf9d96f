"""Alerts, received by a real HTTP server: what is told, once a day for one cause, also when the receiver was away."""

from __future__ import annotations

import datetime as dt
import json
import threading
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from tmdb_assets.orchestration import alerts, webhook
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.export.download import ExportGoneError
from tmdb_assets_tests.cases.awkward import catalogue, film, sound_films
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, drop, forget_proxies, hang, reply
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
TAKEN = reply(200, b"ok")


@pytest.fixture
def receiver(monkeypatch):
    """A real HTTP server that takes whatever is posted, until told otherwise."""
    forget_proxies(monkeypatch)
    with ScriptedServer(f"/hook/{SECRET}", TAKEN) as server:
        yield server


@pytest.fixture(scope="module")
def failed(server, loaded_database):
    """The graph beside a warehouse with DAY, after three runs that failed for one cause: no rows, no export."""

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
    """The same, with nothing told yet."""
    empty = dict.fromkeys((alerts.STATE_KEY, alerts.SEEN_KEY), "")
    failed.instance.daemon_cursor_storage.set_cursor_values(empty)
    return failed


@pytest.fixture
def quiet(failed):
    """The same warehouse with an instance of its own, in which nothing ran."""
    with memory_instance() as instance:
        yield SimpleNamespace(warehouse=failed.warehouse, instance=instance)


def texts(receiver):
    return [json.loads(body)["text"] for body in receiver.bodies]


def look(graph, receiver, now=None, *changes, **settings):
    """A look after statements that change the warehouse until it is over."""
    given = {"alert_webhook_url": receiver.url, "tmdb_token": "t" * 32, **settings}
    with graph.warehouse.engine.connect() as connection, connection.begin() as transaction:
        for change in changes:
            connection.execute(sa.text(change))
        outcome = alerts.look(graph.instance, connection, Settings.load(**given), now or later())
        transaction.rollback()
    return outcome


def told(graph, receiver, now=None):
    """What a look tells of runs and checks: the days of these tests are long ago by the real clock."""
    return [cause for cause in look(graph, receiver, now).told if not cause.startswith("missed")]


def later(**change):
    """A time after the runs so far, as the storage notes them by the real clock."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(**change)


def look_back_to(graph, moment):
    graph.instance.daemon_cursor_storage.set_cursor_values({alerts.SEEN_KEY: moment.isoformat()})


def fail(graph, day=PAST):
    return graph.run(day, today=PAST + 9 * ONE_DAY, job="backfill")


def test_nothing_to_tell(graph, receiver):
    outcome = look(graph, receiver, later(days=1), "delete from load_day")
    assert str(outcome) == "Nothing to tell."
    assert receiver.bodies == []


def test_failed_runs_of_one_cause_are_told_once_a_day_with_reason_and_what_to_do(graph, receiver, caplog):
    now = later()
    assert told(graph, receiver, now) == [GONE]
    (text,) = texts(receiver)
    (line,) = [line for line in text.splitlines() if "run backfill" in line]
    assert line.startswith("• The run backfill for 3 days from 2026-08-03 to 2026-08-05 failed: 2026-08-0")
    assert (
        "(404): &lt;gone&gt; &amp; away. What is already stored is kept. Its log: tmdb-assets dev, page Runs, run "
        in line
    )
    assert "Alert: The run backfill for 3 days" in caplog.text
    fail(graph)  # the same trouble again
    assert told(graph, receiver, now) == []
    assert len(receiver.bodies) == 1
    assert SECRET not in caplog.text


def test_trouble_that_lasts_is_told_again_the_next_day(graph, receiver):
    now = later()
    assert told(graph, receiver, now) == [GONE]
    look_back_to(graph, now - dt.timedelta(hours=1))
    assert told(graph, receiver, now + ONE_DAY) == [GONE]


def test_what_was_told_before_midnight_is_not_told_after_it(graph, receiver):
    start = later(minutes=-30)
    midnight = dt.datetime.combine(later().date() + ONE_DAY, dt.time(), dt.UTC)
    look_back_to(graph, start)
    assert told(graph, receiver, midnight - dt.timedelta(minutes=2)) == [GONE]
    look_back_to(graph, start)
    assert told(graph, receiver, midnight + dt.timedelta(minutes=2)) == []


def test_a_failed_check_is_told(graph, receiver, monkeypatch):
    broken = catalogue([*sound_films(3), *(film(number, runtime="ninety") for number in range(1, 9))])
    with platform(graph.warehouse, broken, monkeypatch) as other:
        run = other.run(DAY + ONE_DAY, charts=False)
        causes = told(other, receiver)
    assert causes[0] == "run daily 2026-07-30"
    assert "check dim_movie.contract 2026-07-30" in causes
    (text,) = texts(receiver)
    assert "The run daily of 2026-07-30 failed: 8 of 22 rows of dim_movie (36.4%) broke their contract" in text
    command = "tmdb-assets backfill --from 2026-07-30 --to 2026-07-30"
    assert f"To run it again: {command}. Its log: tmdb-assets dev, page Runs, run {run.run_id}." in text
    assert "• The check dim_movie.contract of 2026-07-30 failed: 8 of 22 rows broke the contract of dim_movie" in text
    assert "Its report: tmdb-assets dev, asset dim_movie, page Checks." in text


@pytest.mark.parametrize(("hour", "is_told"), [(11, False), (12, True), (23, True)])
def test_a_day_that_is_late_is_told_from_noon(hour, is_told, quiet, receiver):
    now = dt.datetime(2026, 7, 30, hour, tzinfo=dt.UTC)
    assert look(quiet, receiver, now).told == (["missed 2026-07-30"] if is_told else [])
    assert look(quiet, receiver, now).told == []
    assert len(receiver.bodies) == is_told
    assert all("2026-07-30 is not loaded yet (last day requested: 2026-07-29)" in text for text in texts(receiver))


@pytest.mark.parametrize(
    ("status", "is_told"), [(DagsterRunStatus.STARTED, False), (DagsterRunStatus.NOT_STARTED, True)]
)
def test_a_day_whose_run_goes_on_is_not_late(status, is_told, quiet, receiver):
    create_run_for_test(quiet.instance, "daily", status=status, tags={"dagster/partition": "2026-07-30"})
    now = dt.datetime(2026, 7, 30, 15, tzinfo=dt.UTC)
    assert look(quiet, receiver, now).told == (["missed 2026-07-30"] if is_told else [])


def test_days_that_no_schedule_ticked_on_are_told_when_the_daemon_is_back(quiet, receiver):
    now = dt.datetime(2026, 8, 2, 7, tzinfo=dt.UTC)
    assert look(quiet, receiver, now).told == ["missed before 2026-08-02"]
    assert "2026-07-30 to 2026-08-01 were missed" in texts(receiver)[0]
    assert "tmdb-assets backfill --from 2026-07-30 --to 2026-08-01" in texts(receiver)[0]
    # The gap filler brings popularity; the votes of these days stay missed.
    filled = "insert into load_day values ('2026-08-01', 0, 20, now())"
    assert look(quiet, receiver, now + ONE_DAY, filled).told == ["missed before 2026-08-03"]
    asked = "insert into load_day values ('2026-08-03', 20, 0, now())"
    assert look(quiet, receiver, now + 2 * ONE_DAY, filled, asked).told == []


@pytest.mark.parametrize("change", ["delete from load_day", "update load_day set discover_count = 0"])
def test_an_empty_warehouse_and_exports_alone_miss_no_day(change, quiet, receiver):
    assert look(quiet, receiver, dt.datetime(2026, 8, 20, 20, tzinfo=dt.UTC), change).told == []


def test_a_run_that_ended_before_its_first_step_is_told(quiet, receiver):
    create_run_for_test(quiet.instance, "retention", status=DagsterRunStatus.FAILURE)
    assert told(quiet, receiver) == ["run retention None"]
    assert "The run retention failed: it ended before a step could fail. Its log: " in texts(receiver)[0]


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
def test_a_receiver_that_does_not_take_it_is_told_at_the_next_look(
    answer, reason, tries, graph, receiver, monkeypatch, caplog
):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    receiver.plays(answer)
    now = later()
    outcomes = [look(graph, receiver, now) for _ in range(2)]
    assert [outcome.told for outcome in outcomes] == [(), ()]
    assert str(outcomes[0]).endswith(
        f"): ALERT_WEBHOOK_URL does not take it ({reason}). It is tried again at the next look."
    )
    assert len(receiver.bodies) == 2 * tries
    assert caplog.text.count(f"ALERT_WEBHOOK_URL does not take the alert ({reason})") == 1
    assert caplog.text.count("Alert: The run backfill for 3 days") == 1
    assert SECRET not in caplog.text
    receiver.plays(TAKEN)
    assert GONE in look(graph, receiver, now).told
    assert told(graph, receiver, now) == []


def test_a_receiver_that_never_answers_hears_of_the_same_three_times(graph, receiver, monkeypatch, caplog):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.1)
    receiver.plays(hang)
    now = later()
    assert [GONE in look(graph, receiver, now).told for _ in range(4)] == [False, False, True, False]
    assert len(receiver.bodies) == alerts.MOST_DOUBTS
    assert "gave no answer to 3 messages; they count as told" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "a..b", "127.0.0.1:99999"])
def test_an_address_that_leads_nowhere_does_not_fail_the_look(host, graph, receiver, caplog):
    receiver.url = f"http://{host}/{SECRET}"
    assert look(graph, receiver).told == ()
    assert "ALERT_WEBHOOK_URL does not take the alert" in caplog.text
    assert SECRET not in caplog.text


def test_two_processes_tell_one_cause_once(graph, receiver, monkeypatch):
    now = later()
    monkeypatch.setattr(alerts, "LOCK_WAIT", "50ms")
    with graph.warehouse.begin() as other:
        other.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": alerts.ALERT_LOCK})
        assert str(look(graph, receiver, now)).startswith("Not told: another process is telling at this moment.")
    assert receiver.bodies == []
    monkeypatch.setattr(alerts, "LOCK_WAIT", "20s")
    both = threading.Barrier(2)
    looks = [threading.Thread(target=lambda: (both.wait(), look(graph, receiver, now))) for _ in range(2)]
    for thread in looks:
        thread.start()
    for thread in looks:
        thread.join()
    assert len(receiver.bodies) == 1


def test_sample_alerts_say_so_and_without_a_receiver_the_log_tells(graph, receiver, caplog):
    now = later()
    assert GONE in look(graph, receiver, now, tmdb_token=None).told
    assert texts(receiver)[0].startswith("tmdb-assets: [SAMPLE] ")
    look_back_to(graph, now - dt.timedelta(hours=1))
    caplog.clear()
    assert GONE in look(graph, receiver, now + ONE_DAY, alert_webhook_url=None).told
    assert "Alert: The run backfill" in caplog.text


def test_a_message_lists_ten_and_says_how_many_more_there_are():
    found = [alerts.Alert((str(number),), f"Trouble {number}.") for number in range(1, 13)]
    lines = alerts._message(Settings.load(tmdb_token="t" * 32), found).splitlines()
    assert (lines[0], lines[1], len(lines)) == ("tmdb-assets: 12 alerts", "• Trouble 1.", 12)
    assert lines[-1] == "and 2 more: tmdb-assets dev, page Runs"
