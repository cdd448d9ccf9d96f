"""Dagster's storage next to the warehouse, on a server with a difficult password."""

import datetime as dt
import os
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import psycopg2
import pytest
import sqlalchemy as sa
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    EventLogEntry,
    MaterializeResult,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from dagster._core.instance import InstanceRef
from dagster._daemon.types import DaemonHeartbeat

from tmdb_assets.instance import daemon_alive, events, storage
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets_tests.stage.at_once import together
from tmdb_assets_tests.stage.postgres import PASSWORD, as_text, connect, needs_embedded, settings
from tmdb_assets_tests.stage.waiting import wait_until

DAGSTER_YAML = """
telemetry: {enabled: false}
storage:
  custom: {module: tmdb_assets.instance.storage, class: WarehouseStorage, config: {}}
"""

pytestmark = needs_embedded


@pytest.fixture
def guests_server(guest, embedded, tmp_path, monkeypatch):
    """Dagster's home on an external server with the difficult password, as plain `dagster dev` uses it."""
    with connect(embedded.url) as connection:
        connection.execute("alter role guest createdb")
    chosen = settings(as_text(guest.set(database="guest_films")), token="t")
    with connect(embedded.url) as connection:
        for name in ("guest_films", "dagster"):
            connection.execute(f"drop database if exists {name} with (force)")
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    yield tmp_path
    with connect(embedded.url) as connection:
        connection.execute("alter role guest nocreatedb")
        for name in ("guest_films", "dagster"):
            connection.execute(f"drop database if exists {name} with (force)")


@asset(check_specs=[AssetCheckSpec("whole", asset="films")])
def films():
    return MaterializeResult(metadata={"rows": 3}, check_results=[AssetCheckResult(passed=True, check_name="whole")])


def test_dagster_stores_and_finds_its_runs(guests_server):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        result = materialize([films], instance=instance)
        run_id = result.run_id
        shown = instance.info_str()
    assert PASSWORD not in shown
    assert "postgresql" not in shown

    reference = InstanceRef.from_dict(InstanceRef.from_dir(str(guests_server)).to_dict())
    with DagsterInstance.from_ref(reference) as again:
        event = again.get_latest_materialization_event(AssetKey("films"))
        assert event.run_id == run_id
        assert event.asset_materialization.metadata["rows"].value == 3
        assert again.get_run_by_id(run_id).is_success
        again.optimize_for_webserver(statement_timeout=5000, pool_recycle=60, max_overflow=5)
        assert again.get_runs_count() == 1


def test_four_commands_at_once_make_the_tables(database, caplog):
    server = server_module.Server(
        url=database, storage_url=database.set(drivername="postgresql+psycopg2"), is_embedded=True, bin_dir=Path()
    )
    for _ in range(3):
        opened = together(*[lambda: storage.open_storage(server)] * 4)
        assert [each.run_storage.get_runs_count() for each in opened] == [0] * 4
        for each in opened:
            each.event_log_storage.dispose()  # their engine
        with connect(database) as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
    assert caplog.records == []  # Dagster logs that it tries again, five times at most


def test_what_the_steps_of_old_runs_did_is_dropped_and_pictures_are_stored_once(guests_server, embedded):
    picture = "x" * 50_000

    @asset(check_specs=[AssetCheckSpec("whole", asset="report")])
    def report(context):
        context.log.info("drawn")
        passed = AssetCheckResult(passed=True, check_name="whole")
        return MaterializeResult(metadata={"picture": picture}, check_results=[passed])

    @asset(partitions_def=StaticPartitionsDefinition(["a day"]))
    def days():
        pass

    with DagsterInstance.from_config(str(guests_server)) as instance:
        for _ in range(2):
            assert materialize([days], instance=instance, partition_key="a day").success
        assert materialize([report], instance=instance).success
        with connect(embedded.url.set(database="dagster")) as connection:
            query = "select dagster_event_type from event_logs where strpos(event, %s) > 0"
            assert connection.execute(query, [picture]).fetchall() == [("ASSET_MATERIALIZATION",)]
            assert materialize([report], instance=instance).success
            connection.execute("update event_logs set timestamp = timestamp - interval '91 days'")
        assert materialize([films], instance=instance).success
        newer = instance.get_runs(limit=1)[0].run_id
        before = len(instance.all_logs(newer))
        assert events.drop_old_events(instance, dt.datetime.now(dt.UTC) - dt.timedelta(days=90)) > 5
        assert len(instance.all_logs(newer)) == before
        with connect(embedded.url.set(database="dagster")) as connection:
            query = "select dagster_event_type from event_logs where run_id <> %s order by id"
            kept = [name for (name,) in connection.execute(query, [newer])]
        assert [name for name in kept if "STEP" in name or "ENGINE" in name] == []
        assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"} < set(kept)
        event = instance.get_latest_materialization_event(AssetKey("report"))
        assert event.asset_materialization.metadata["picture"].value == picture
        count = {key: len(instance.fetch_materializations(AssetKey(key), 9).records) for key in ("report", "days")}
        assert count == {"report": 1, "days": 2}


def test_each_part_of_the_storage_can_be_opened_separately(guests_server):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        reference = instance.get_ref()
    assert reference.run_storage.get_runs_count() == 0
    assert list(reference.event_storage.all_asset_keys()) == []
    assert list(reference.schedule_storage.all_instigator_state()) == []


def test_a_run_reuses_its_connections_and_closes_them(guests_server, embedded, monkeypatch):
    opened = []
    real = storage.sa.create_engine

    def counting(*args, **kwargs):
        engine = real(*args, **kwargs)
        sa.event.listen(engine, "connect", lambda *_: opened.append(1))
        return engine

    monkeypatch.setattr(storage.sa, "create_engine", counting)
    with DagsterInstance.from_config(str(guests_server)) as instance:
        for _ in range(3):
            materialize([films], instance=instance)
    assert 1 <= len(opened) <= 7  # one more for each run: its lock
    with connect(embedded.url) as connection:
        query = "select count(*) from pg_stat_activity where datname = 'dagster'"
        assert wait_until(lambda: connection.execute(query).fetchone() == (0,))


def events_of(embedded, run_id):
    with connect(embedded.url.set(database="dagster")) as connection:
        query = "select dagster_event_type, step_key from event_logs where run_id = %s order by id"
        return connection.execute(query, [run_id]).fetchall()


def test_what_a_step_says_at_its_end_is_stored_at_once_and_together(guests_server, embedded, monkeypatch):
    seen, inserts = [], []

    @asset(deps=[films])
    def later(context):
        seen.extend(events_of(embedded, context.run.run_id))

    real = events.PooledEventLogStorage.prepare_insert_event_batch
    monkeypatch.setattr(
        events.PooledEventLogStorage,
        "prepare_insert_event_batch",
        lambda self, batch: inserts.append(len(batch)) or real(self, batch),
    )
    with DagsterInstance.from_config(str(guests_server)) as instance:
        result = materialize([films, later], instance=instance)
        logged = [entry.dagster_event_type for entry in instance.all_logs(result.run_id)]
    # Another connection sees, while a step runs, that it does, and all that the step before it said.
    assert seen[-1] == ("STEP_START", "later")
    said = [kind for kind, step in seen if step == "films"]
    assert {"STEP_OUTPUT", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"} < set(said)
    assert said[-1] == "STEP_SUCCESS"
    stored = [kind for kind, _ in events_of(embedded, result.run_id)]
    assert stored == [kind and kind.value for kind in logged]
    assert stored[-1] == "PIPELINE_SUCCESS"
    assert sum(inserts) == len(stored)
    assert len(inserts) <= 12 < len(stored)


def test_events_that_an_outage_kept_back_come_before_later_ones(guests_server, embedded, monkeypatch):
    monkeypatch.setattr(reconnect, "PATIENCE_S", 0)
    monkeypatch.setattr(reconnect, "EMBEDDED_PATIENCE_S", 0)

    def fail(_events):
        lost = psycopg2.OperationalError("server closed the connection unexpectedly")
        raise sa.exc.OperationalError("insert", {}, lost) from lost

    with DagsterInstance.from_config(str(guests_server)) as instance:
        result = materialize([films], instance=instance)
        log = instance.event_log_storage
        copies = [entry for entry in instance.all_logs(result.run_id) if entry.is_dagster_event][-3:]
        plain = EventLogEntry(None, "info", "a line", result.run_id, 1.0)
        with monkeypatch.context() as away:
            away.setattr(log, "_insert", fail)
            with pytest.raises(sa.exc.OperationalError):
                log.store_event(copies[0])  # it is kept, as a run's next event may find the server again
        log.store_event(plain)
        log.store_event(copies[1])
        assert [entry.dagster_event_type for entry in instance.all_logs(result.run_id)[-3:]] == [
            copies[0].dagster_event_type,
            None,
            copies[1].dagster_event_type,
        ]


def materialized(instance):
    """An event that is stored with the next one of its run, `a run`."""
    logged = instance.all_logs(materialize([films], instance=instance).run_id)
    (event,) = [each for each in logged if each.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION]
    return event._replace(run_id="a run")


LINE = EventLogEntry(None, 20, "a line", "a run", 2.0)


def test_an_event_that_cannot_be_stored_is_lost_alone(guests_server, embedded):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        log, event = instance.event_log_storage, materialized(instance)
        log.store_event(event)
        log.store_event(event._replace(dagster_event=event.dagster_event._replace(step_key="no\x00")))
        with pytest.raises(ValueError, match="NUL"):
            log.store_event(LINE)
        assert events_of(embedded, "a run") == [("ASSET_MATERIALIZATION", "films"), (None, None)]
        assert instance.get_latest_materialization_event(AssetKey("films")).run_id == "a run"


def test_an_interrupt_or_a_line_during_an_outage_loses_no_event(guests_server, embedded, monkeypatch):
    monkeypatch.setattr(reconnect, "PATIENCE_S", 0)
    monkeypatch.setattr(reconnect, "EMBEDDED_PATIENCE_S", 0)
    lost = psycopg2.OperationalError("server closed the connection unexpectedly")
    outage = sa.exc.OperationalError("insert", {}, lost)
    outage.__cause__ = lost
    with DagsterInstance.from_config(str(guests_server)) as instance:
        log = instance.event_log_storage
        log.store_event(materialized(instance))
        for error, is_raised in ((KeyboardInterrupt(), True), (outage, False)):
            with monkeypatch.context() as away:
                away.setattr(log, "_insert", mock.Mock(side_effect=error))
                with pytest.raises(KeyboardInterrupt) if is_raised else nullcontext():
                    log.store_event(LINE)
        assert instance.get_latest_materialization_event(AssetKey("films")).run_id == "a run"


def test_a_forked_child_does_not_store_what_its_parent_keeps_back(guests_server, embedded):
    with DagsterInstance.from_config(str(guests_server)) as instance:
        log = instance.event_log_storage
        log.store_event(materialized(instance))
        child = os.fork()
        if child == 0:
            log.store_event(LINE._replace(run_id="another run"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert events_of(embedded, "a run") == []
    assert len(events_of(embedded, "another run")) == 1
    assert len(events_of(embedded, "a run")) == 1


def test_the_daemon_is_alive_by_its_heartbeat(guests_server, monkeypatch, capsys):
    monkeypatch.setattr(daemon_alive, "get_settings", server_module.get_settings)
    assert daemon_alive.main() == 1
    assert "cannot be read" in capsys.readouterr().err
    with DagsterInstance.from_config(str(guests_server)) as instance:
        for ago_s, wanted in ((None, 1), (daemon_alive.TOLERANCE_S + 60, 1), (20, 0)):
            if ago_s is not None:
                moment = dt.datetime.now(dt.UTC).timestamp() - ago_s
                instance.add_daemon_heartbeat(DaemonHeartbeat(moment, "SENSOR", "one", []))
            assert daemon_alive.main() == wanted, ago_s
            # As long ago as Dagster itself would say, which the zone of a session could shift.
            assert ago_s is None or abs(daemon_alive.seconds_since_sign() - ago_s) < 30
    said = capsys.readouterr().err
    assert "no heartbeat yet" in said
    assert "s ago" in said
    assert PASSWORD not in said
