"""What Dagster has of a step when the warehouse records that it ended well."""

from __future__ import annotations

from contextlib import contextmanager

from dagster import DagsterInstance, MaterializeResult, OpExecutionContext, ResourceParam, asset, materialize

from tmdb_assets.assets.steps import record
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
