"""Alerts, received by a real HTTP server: what is told, once a day for one cause, also when the receiver was away."""

from __future__ import annotations

import datetime as dt
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tmdb_assets import alerts
from tmdb_assets.settings import Settings
from tmdb_assets.tmdb.export import ExportGoneError
from tmdb_assets_tests.awkward import catalogue, film, sound_films
from tmdb_assets_tests.compare import copied_warehouse
from tmdb_assets_tests.platform import fake_graph, loaded_by_fake

DAY = dt.date(2026, 7, 29)
NOW = dt.datetime(2026, 7, 29, 9, 30, tzinfo=dt.UTC)
CATALOGUE = catalogue(sound_films(20))
SECRET = "hush-hush-hook"


class Receiver(HTTPServer):
    """Takes Slack's JSON at /hook/SECRET; answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.texts: list[str] = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook/{SECRET}"


class Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200 and self.path == f"/hook/{SECRET}":
            self.server.texts.append(body["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def loaded_database(server):
    with loaded_by_fake(server, CATALOGUE, DAY) as name:
        yield name


@pytest.fixture
def graph(server, loaded_database, monkeypatch):
    with copied_warehouse(server, loaded_database) as made, fake_graph(made, CATALOGUE, monkeypatch) as graph:
        yield graph


def look(graph, receiver, now=NOW):
    settings = Settings.load(alert_webhook_url=receiver.url, tmdb_token="t" * 32)
    with graph.warehouse.begin() as connection:
        return alerts.look(graph.instance, connection, settings, now)


def fail(graph, day=DAY + dt.timedelta(days=5)):
    """A run that fails: a past day without rows or export."""

    def missing(asked, now):
        raise ExportGoneError(f"The id export of {asked} is no longer published (404).")

    graph.source.export = missing
    return graph.run(day, today=day + dt.timedelta(days=1), job="backfill")


def later(graph, **change):
    """A time after the runs so far, as the storage notes them by the real clock."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(**change)


def test_nothing_to_tell(graph, receiver):
    assert look(graph, receiver) == []
    assert receiver.texts == []


def test_a_failed_run_is_told_once_a_day_with_its_reason(graph, receiver, caplog):
    result = fail(graph)
    now = later(graph)
    told = [alert for alert in look(graph, receiver, now) if not alert.cause.startswith("missed")]
    assert [alert.cause for alert in told] == ["run backfill 2026-08-03"]
    (text,) = [text for text in receiver.texts if "run backfill" in text]
    assert text.startswith(
        "tmdb-assets: The run backfill of 2026-08-03 failed: raw_export: 2026-08-03 cannot be loaded"
    )
    assert result.run_id in text
    assert text.removeprefix("tmdb-assets: ") in caplog.text
    count = len(receiver.texts)
    fail(graph)  # the same trouble again
    assert look(graph, receiver, now) == []
    assert len(receiver.texts) == count
    assert SECRET not in caplog.text


def test_trouble_that_lasts_is_told_again_the_next_day(graph, receiver):
    fail(graph)
    now = later(graph)
    look(graph, receiver, now)
    count = len(receiver.texts)
    graph.instance.daemon_cursor_storage.set_cursor_values({alerts.SEEN_KEY: (now - dt.timedelta(hours=1)).isoformat()})
    told = look(graph, receiver, now + dt.timedelta(days=1))
    assert "run backfill 2026-08-03" in [alert.cause for alert in told]
    assert len(receiver.texts) > count


def test_a_failed_check_is_told(server, graph, receiver, monkeypatch):
    broken = catalogue([*sound_films(3), *(film(number, runtime="ninety") for number in range(1, 9))])
    with fake_graph(graph.warehouse, broken, monkeypatch) as other:
        other.run(DAY + dt.timedelta(days=1), charts=False)
        told = {alert.cause: alert.text for alert in look(other, receiver, later(other))}
    text = told["check dim_movie.contract 2026-07-30"]
    assert "broke the contract of dim_movie" in text
    assert "run daily 2026-07-30" in told


@pytest.mark.parametrize(("hour", "is_told"), [(11, False), (12, True), (23, True)])
def test_a_missed_day_is_told_from_noon(hour, is_told, graph, receiver):
    now = dt.datetime(2026, 7, 30, hour, tzinfo=dt.UTC)
    told = look(graph, receiver, now)
    assert [alert.cause for alert in told] == (["missed 2026-07-30"] if is_told else [])
    assert look(graph, receiver, now) == []
    assert len(receiver.texts) == is_told


def test_an_empty_warehouse_misses_no_day(warehouse, receiver):
    with warehouse.begin() as connection:
        assert list(alerts.missed_day(connection, dt.datetime(2026, 7, 30, 20, tzinfo=dt.UTC))) == []


def test_a_receiver_that_was_away_is_told_later(graph, receiver, caplog):
    receiver.status = 503
    fail(graph)
    now = later(graph)
    assert look(graph, receiver, now) == []
    assert "ALERT_WEBHOOK_URL does not take the alert (status 503)" in caplog.text
    assert SECRET not in caplog.text
    receiver.status = 200
    assert "run backfill 2026-08-03" in [alert.cause for alert in look(graph, receiver, now)]


def test_the_command_tells_of_its_own_run_and_the_sensor_not_again(graph, receiver):
    result = fail(graph)
    settings = Settings.load(alert_webhook_url=receiver.url)
    now = later(graph)
    (alert,) = alerts.tell_run(graph.instance, settings, result.run_id, now)
    assert alert.cause == "run backfill 2026-08-03"
    assert receiver.texts[0].startswith("tmdb-assets: [SAMPLE] The run backfill")
    assert "run backfill 2026-08-03" not in [alert.cause for alert in look(graph, receiver, now)]


def test_without_a_receiver_the_log_tells(graph, caplog):
    result = fail(graph)
    (alert,) = alerts.tell_run(graph.instance, Settings.load(), result.run_id, later(graph))
    assert f"Alert: {alert.text}" in caplog.text
