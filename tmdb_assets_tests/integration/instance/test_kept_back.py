"""What Dagster has of a step when the warehouse records that it ended well, and what a run knows without asking."""

from __future__ import annotations

from contextlib import contextmanager

import sqlalchemy as sa
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    MaterializeResult,
    OpExecutionContext,
    ResourceParam,
    StaticPartitionsDefinition,
    asset,
    materialize,
)

from tmdb_assets.assets.steps import record
from tmdb_assets.instance.events import PooledEventLogStorage
from tmdb_assets_tests.integration.instance.test_storage import events_of, guests_server  # noqa: F401
from tmdb_assets_tests.stage.postgres import needs_embedded

pytestmark = needs_embedded


class AnyWarehouse:
    """A warehouse without a server."""

    @contextmanager
    def begin(self):
        yield None


def test_dagster_has_the_materialization_before_it_is_on_record_that_the_step_ended_well(
    guests_server,  # noqa: F811
    embedded,
    monkeypatch,
):
    stored = []

    def look(*_given):
        stored.extend(kind for kind, _ in events_of(embedded, OpExecutionContext.get().run_id))

    monkeypatch.setattr(record, "last_noted", lambda *_given: None)
    monkeypatch.setattr(record, "record", look)

    def films(context, warehouse: ResourceParam[AnyWarehouse]):
        yield MaterializeResult()

    made = asset(name="films")(record.recorded(films, "films"))
    with DagsterInstance.from_config(str(guests_server)) as instance:
        assert materialize([made], instance=instance, resources={"warehouse": AnyWarehouse()}).success
    # A kill from now on leaves no day that is complete here and missing there, which no later run would mend.
    assert stored[-1] == "ASSET_MATERIALIZATION"


DAYS = StaticPartitionsDefinition(["2025-08-10", "2025-08-11"])
POINTER, VERSION = "dagster/input_event_pointer/raw", "dagster/data_version"


@asset(partitions_def=DAYS, check_specs=[AssetCheckSpec("whole", asset="raw")])
def raw():
    return MaterializeResult(check_results=[AssetCheckResult(passed=True, check_name="whole")])


@asset(partitions_def=DAYS, deps=[raw], check_specs=[AssetCheckSpec("whole", asset="made")])
def made():
    return MaterializeResult(check_results=[AssetCheckResult(passed=True, check_name="whole")])


def newest(instance, name, day):
    """The newest materialization of an asset's day, as the storage of this instance answers."""
    (record,) = instance.fetch_materializations(AssetRecordsFilter(AssetKey(name), [day]), limit=1).records
    return record


def test_a_run_knows_what_it_made_and_asks_again_when_it_is_over(guests_server):  # noqa: F811
    read = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def look(_connection, _cursor, statement, *_given):
        read.append(" ".join(statement.split()))

    day, other_day = DAYS.get_partition_keys()
    try:
        with (
            DagsterInstance.from_config(str(guests_server)) as instance,
            DagsterInstance.from_config(str(guests_server)) as other,
        ):
            materialize([raw, made], instance=instance, partition_key=other_day)
            read.clear()
            run = materialize([raw, made], instance=instance, partition_key=day)
            of_run = [text for text in read if text.startswith(("SELECT", "INSERT"))]
            # What the other storage reads is what the run was told while it went on.
            for name in ("raw", "made"):
                event = newest(other, name, day)
                assert event.run_id == run.run_id
                (check,) = (each for each in run.get_asset_check_evaluations() if each.asset_key == AssetKey(name))
                assert check.target_materialization_data.storage_id == event.storage_id
                assert check.target_materialization_data.timestamp == event.timestamp
                (stored,) = other.event_log_storage.get_asset_check_execution_history(
                    AssetCheckKey(AssetKey(name), "whole"), limit=1
                )
                assert (stored.run_id, stored.status.value) == (run.run_id, "SUCCEEDED")
                (about,) = other.get_asset_records([AssetKey(name)])
                assert about.asset_entry.last_materialization_record == event
                assert about.asset_entry.last_run_id == run.run_id
            tags = newest(other, "made", day).asset_materialization.tags
            assert tags[POINTER] == str(newest(other, "raw", day).storage_id)
            assert newest(other, "made", other_day).asset_materialization.tags[VERSION] != tags[VERSION]
            # Only what the run had not made yet when it asked.
            assert sum("FROM event_logs" in text for text in of_run) == 0
            assert sum("INTO asset_check_executions" in text for text in of_run) == 1

            again = materialize([raw], instance=other, partition_key=day)
            assert newest(instance, "raw", day).run_id == again.run_id  # the run is over: another process's counts
            assert instance.get_asset_records([AssetKey("raw")])[0].asset_entry.last_run_id == again.run_id
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)


@asset(check_specs=[AssetCheckSpec("whole", asset="view")])
def view():
    return MaterializeResult(check_results=[AssetCheckResult(passed=True, check_name="whole")])


def test_planned_checks_are_stored_once_where_the_answer_to_the_commit_was_lost(guests_server, monkeypatch):  # noqa: F811
    store = PooledEventLogStorage._store_planned

    def twice(storage, planned):
        store(storage, planned)
        store(storage, planned)

    monkeypatch.setattr(PooledEventLogStorage, "_store_planned", twice)
    with DagsterInstance.from_config(str(guests_server)) as instance:
        run = materialize([raw, made, view], instance=instance, partition_key=DAYS.get_partition_keys()[0])
        for name in ("raw", "made", "view"):
            found = instance.event_log_storage.get_asset_check_execution_history(
                AssetCheckKey(AssetKey(name), "whole"), limit=9
            )
            assert [one.status.value for one in found if one.run_id == run.run_id] == ["SUCCEEDED"], name
