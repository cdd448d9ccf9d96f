"""Dagster's own texts, provoked: if an upgrade changes one, its filter stops working and a test here fails."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr, suppress

import pytest
import sqlalchemy as sa
from dagster import asset, materialize
from dagster_postgres import utils

from tmdb_assets.instance import sentences, webserver
from tmdb_assets_tests.stage.memory_instance import memory_instance

GONE = sa.exc.OperationalError("insert", {}, Exception("the server is gone"))


def printed_for_lost_events(monkeypatch, wrap):
    """What a run prints on stderr when the start event of its step cannot be stored."""

    @asset
    def table():
        return None

    printed = io.StringIO()
    with memory_instance() as instance, redirect_stderr(wrap(printed)):
        store = instance.event_log_storage.store_event

        def lose(event):
            if event.dagster_event is not None and event.dagster_event.is_step_start:
                raise GONE
            store(event)

        monkeypatch.setattr(instance.event_log_storage, "store_event", lose)
        with suppress(sa.exc.OperationalError):
            materialize([table], instance=instance)
    return printed.getvalue()


def test_lost_events_are_not_printed(monkeypatch):
    assert sentences.EVENT_NOT_STORED in printed_for_lost_events(monkeypatch, lambda stream: stream)
    assert sentences.EVENT_NOT_STORED not in printed_for_lost_events(monkeypatch, sentences.WithoutLostEvents)


@pytest.mark.parametrize(
    ("retry", "fault"),
    [
        (utils.retry_pg_connection_fn, GONE),
        (utils.retry_pg_creation_fn, sa.exc.IntegrityError("create", {}, Exception("it exists"))),
    ],
)
def test_the_retries_of_the_storage_are_not_logged(retry, fault, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "filters", [])  # an earlier test may have added the filter

    def fail():
        raise fault

    with caplog.at_level(logging.WARNING), pytest.raises(utils.DagsterPostgresException):
        retry(fail, retry_limit=1, retry_wait=0)
    assert [sentences.is_no_storage_retry(record) for record in caplog.records] == [False, False]
    assert sentences.is_no_storage_retry(logging.makeLogRecord({"msg": "another line"}))


def test_dev_says_in_one_line_why_it_ended(monkeypatch, caplog):
    """As when its daemon was killed: Dagster logs that with the place in its own code."""

    def ends(**_: object) -> None:
        try:
            raise Exception("dagster-daemon process shut down unexpectedly with return code -9")
        except Exception:
            logging.getLogger("dagster").exception("An unexpected exception has occurred")

    monkeypatch.setattr("tmdb_assets.instance.webserver.dev.dev_command", ends)
    monkeypatch.setattr(logging.getLogger("dagster"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("dagster"), "filters", [])
    webserver.serve_with_daemon()
    assert caplog.messages == ["dagster-daemon process shut down unexpectedly with return code -9"]
    assert "Traceback" not in caplog.text
