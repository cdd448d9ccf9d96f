"""The gap filler's ticks as the daemon evaluates them, the runs they find, and the runs they request."""

from __future__ import annotations

import datetime as dt

from dagster import AssetKey, build_sensor_context
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.partitions.subset.default import DefaultPartitionsSubset
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_run_for_test

from tmdb_assets import partitions
from tmdb_assets.instance.tags import PARTITION_NAME_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG
from tmdb_assets_tests.stage.platform import QUIET, shared_definitions

HOUR = dt.timedelta(hours=1)


def note_loaded(ledger, *days, export=True):
    for day in days:
        ledger.execute("insert into load_day (date_id, discover_count, export_count) values (:day, 1, 0)", day=day)
        ledger.execute(
            "insert into fetch_log (snapshot_date, kind, started_at, finished_at, request_count, row_count) "
            "values (:day, 'export', now(), case when :export then now() end, 1, 1)",
            day=day,
            export=export,
        )


def tick(made, monkeypatch, today, later=0 * HOUR):
    """Evaluate the gap filler as the daemon does, as on `today`: its run requests, and why there are none.

    `later` is the time since the existing runs, which have times of the real clock.
    """
    monkeypatch.setattr(partitions, "today", lambda: today)
    repository = shared_definitions().get_repository_def()
    options = {"instance": made.instance, "resources": {"warehouse": made.warehouse}, "sensor_name": "gap_filler"}
    with monkeypatch.context() as patched:
        patched.setattr(partitions, "now", lambda: dt.datetime.now(dt.UTC) + later)
        with build_sensor_context(repository_def=repository, **options) as context:
            outcome = repository.get_sensor_def("gap_filler").evaluate_tick(context)
    return outcome.run_requests, outcome.skip_message


def note_run(ledger, day, status, key=None, job="backfill", assets=None, **tags):
    """Record a run of the gap filler, or of someone else when it has no run key, made just now."""
    own = {SENSOR_NAME_TAG: "gap_filler", RUN_KEY_TAG: key} if key else {}
    tags = {PARTITION_NAME_TAG: str(day), **own, **tags}
    return create_run_for_test(ledger.instance, job, status=status, tags=tags, asset_selection=assets)


def days_of(requests):
    return [dt.date.fromisoformat(request.partition_key) for request in requests]


def run_requests(graph, monkeypatch, today, later=0 * HOUR):
    """Launch the runs that the gap filler requests, as the daemon would; the results by day."""
    results = {}
    for request in tick(graph, monkeypatch, today, later)[0]:
        results[dt.date.fromisoformat(request.partition_key)] = graph.definitions.resolve_job_def(
            "backfill"
        ).execute_in_process(
            partition_key=request.partition_key,
            instance=graph.instance,
            run_config={**QUIET, **request.run_config},
            asset_selection=list(request.asset_selection or ()) or None,
            tags={SENSOR_NAME_TAG: "gap_filler", RUN_KEY_TAG: request.run_key},
            raise_on_error=False,
        )
    return results


def note_backfill(ledger, days, status=BulkActionStatus.CANCELED, asset=None):
    """Record a backfill of the UI, of a job or an asset, which ended just now; its runs are others'."""
    now = dt.datetime.now(dt.UTC).timestamp()
    made = PartitionBackfill(
        f"backfill-{now}",
        status,
        False,
        {},
        now,
        partition_names=None if asset else [str(day) for day in days],
        asset_backfill_data=_asset_backfill(asset, days, now) if asset else None,
        backfill_end_timestamp=now,
    )
    ledger.instance.add_backfill(made)


def _asset_backfill(asset, days, now):
    subset = DefaultPartitionsSubset({str(day) for day in days})
    target = AssetGraphSubset(partitions_subsets_by_asset_key={AssetKey(asset): subset})
    return AssetBackfillData.empty(target, now, None)
