"""The digest, received by a real HTTP server: the lines of the newest day, and where the picture is."""

from __future__ import annotations

import datetime as dt
import html
import json

import pytest

from tmdb_assets.assets.tmdb_source import TmdbSource
from tmdb_assets.definitions import build_definitions
from tmdb_assets.settings import ATTRIBUTION, Settings
from tmdb_assets_tests.cases.small_star import DAY, SECOND_DAY, load_day, make_star
from tmdb_assets_tests.fakes.scripted_server import ScriptedServer, forget_proxies, reply
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.memory_instance import memory_instance

WEEK = DAY + dt.timedelta(days=7)
RISEN = {film: (10 * values[0], *values[1:]) for film, values in SECOND_DAY.items()}


@pytest.fixture(scope="module")
def warehouse(server):
    with copied_warehouse(server) as made:
        make_star(made)
        load_day(made, WEEK, RISEN)
        yield made


def send(warehouse, **settings):
    """Run the job as its schedule does; return the result and the schedules with their times."""
    given = Settings.load(tmdb_token="t" * 32, digest="weekly", **settings)
    definitions = build_definitions(given, warehouse=warehouse, tmdb=TmdbSource(given))
    crons = {each.name: each.cron_schedule for each in definitions.schedules}
    with memory_instance() as instance:
        job = definitions.resolve_job_def("send_digest")
        return job.execute_in_process(instance=instance, raise_on_error=False), crons


def test_the_week_is_sent_with_a_picture_and_a_receiver_that_refuses_it_fails_the_run(warehouse, monkeypatch, tmp_path):
    forget_proxies(monkeypatch)
    with ScriptedServer("/hook", reply(200, b"ok"), reply(400, b"no")) as receiver:
        given = {"reports_dir": tmp_path, "digest_webhook_url": receiver.url, "reports_url": "https://films.example/r/"}
        done, crons = send(warehouse, **given)
        refused, _ = send(warehouse, **given)
    assert crons["send_digest_schedule"] == "0 12 * * 1"
    assert done.success
    message = json.loads(receiver.bodies[0])
    lines = html.unescape(message["text"]).splitlines()
    name = f"digest_{warehouse.url.database}.png"
    assert lines[0] == f"Films on TMDB in the week to {WEEK}"
    assert lines[1] == "Film 3 rose most this week: 8.0 to 80.0, +900%."
    assert lines[-2].startswith("3 films, 30 votes, ")
    assert lines[-2].endswith(ATTRIBUTION)
    assert lines[-1] == f"https://films.example/r/{name}"
    assert [message[name] for name in ("mrkdwn", "unfurl_links", "unfurl_media")] == [False, False, False]
    assert message["attachments"] == [{"fallback": lines[-1], "image_url": lines[-1]}]
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert not refused.success


def test_the_digest_is_in_no_other_job_and_off_unless_it_is_asked_for(warehouse):
    result, _ = send(warehouse)
    assert "no address to send it to" in str(result.all_node_events and result.failure_data_for_node("digest").error)
    definitions = build_definitions(Settings.load(digest="daily"))
    jobs = [definitions.resolve_job_def(name) for name in ("daily", "backfill")]
    assert ["digest" in job.graph.node_dict for job in jobs] == [False, False]
    assert "send_digest" not in {job.name for job in build_definitions(Settings.load()).jobs}
