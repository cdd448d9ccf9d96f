"""The private names of Dagster that are used: the one list to check on an upgrade."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tmdb_assets_tests.stage.source_tree import CHECKOUT, PACKAGE, TREES, Tree, made_up, tree_of

PRIVATE_NAME = re.compile(r"dagster\w*(?:\.\w+)*\._[\w.]+")
PRIVATE_NAMES_IN_YAML = {"dagster._core.run_coordinator", "dagster._core.storage.noop_compute_log_manager"}
PRIVATE_NAMES = {
    "tmdb_assets.instance.cancelled": {
        "dagster._core.execution.backfill.BulkActionStatus",
        "dagster._core.execution.backfill.BulkActionsFilter",
        "dagster._core.execution.backfill.PartitionBackfill",
        "dagster._utils.interrupts.capture_interrupts",
    },
    "tmdb_assets.instance.chosen": {
        "dagster._config.process_config",
        "dagster._core.instance.ref.InstanceRef",
        "dagster._serdes.ConfigurableClassData",
    },
    "tmdb_assets.instance.events": {
        "dagster._core.events.ASSET_CHECK_EVENTS",
        "dagster._core.events.ASSET_EVENTS",
        "dagster._core.storage.event_log.base.AssetRecord",
        "dagster._core.storage.event_log.migration.ASSET_KEY_INDEX_COLS",
        "dagster._core.storage.event_log.schema.AssetKeyTable",
    },
    "tmdb_assets.instance.execution": {
        "dagster._core.definitions.job_base.InMemoryJob",
        "dagster._core.execution.execute_in_process.core_execute_in_process",
        "dagster._core.execution.execute_in_process.merge_run_tags",
    },
    "tmdb_assets.instance.launcher": {
        "dagster._core.errors.DagsterUserCodeUnreachableError",
        "dagster._core.launcher.CheckRunHealthResult",
        "dagster._core.launcher.WorkerStatus",
        "dagster._grpc.client.DagsterGrpcClient",
    },
    "tmdb_assets.instance.own_run": {
        "dagster._core.event_api.EventLogCursor",
        "dagster._core.storage.event_log.base.AssetRecord",
    },
    "tmdb_assets.instance.planned": {
        "dagster._core.definitions.asset_checks.asset_check_evaluation.AssetCheckEvaluationPlanned",
        "dagster._core.storage.asset_check_execution_record.AssetCheckExecutionRecordStatus",
        "dagster._core.storage.event_log.schema.AssetCheckExecutionsTable",
        "dagster._serdes.serialize_value",
    },
    "tmdb_assets.instance.storage": {"dagster._serdes.ConfigurableClassData"},
    "tmdb_assets.instance.tags": {
        "dagster._core.storage.tags.AUTO_RETRY_RUN_ID_TAG",
        "dagster._core.storage.tags.GRPC_INFO_TAG",
        "dagster._core.storage.tags.PARTITION_NAME_TAG",
        "dagster._core.storage.tags.RUN_KEY_TAG",
        "dagster._core.storage.tags.SENSOR_NAME_TAG",
        "dagster._core.storage.tags.WILL_RETRY_TAG",
    },
    "tmdb_assets.instance.webserver": {"dagster._cli.dev"},
    "tmdb_assets_tests.graph.assets.test_failures": {"dagster._core.test_utils.create_run_for_test"},
    "tmdb_assets_tests.integration.instance.test_storage": {
        "dagster._core.instance.InstanceRef",
        "dagster._daemon.types.DaemonHeartbeat",
    },
    "tmdb_assets_tests.integration.orchestration.test_alerts": {
        "dagster._core.events.JobFailureData",
        "dagster._core.events.RunFailureReason",
        "dagster._core.test_utils.create_run_for_test",
    },
    "tmdb_assets_tests.graph.orchestration.test_cancelled": {"dagster._core.execution.backfill.BulkActionStatus"},
    "tmdb_assets_tests.stage.gap_ticks": {
        "dagster._core.definitions.assets.graph.asset_graph_subset.AssetGraphSubset",
        "dagster._core.definitions.partitions.subset.default.DefaultPartitionsSubset",
        "dagster._core.execution.asset_backfill.AssetBackfillData",
        "dagster._core.execution.backfill.BulkActionStatus",
        "dagster._core.execution.backfill.PartitionBackfill",
        "dagster._core.test_utils.create_run_for_test",
    },
    "tmdb_assets_tests.stage.memory_instance": {
        "dagster._core.instance.InstanceType",
        "dagster._core.launcher.sync_in_memory_run_launcher.SyncInMemoryRunLauncher",
        "dagster._core.run_coordinator.DefaultRunCoordinator",
        "dagster._core.storage.event_log.InMemoryEventLogStorage",
        "dagster._core.storage.event_log.in_memory.stamp_alembic_rev",
        "dagster._core.storage.noop_compute_log_manager.NoOpComputeLogManager",
        "dagster._core.storage.root.TemporaryLocalArtifactStorage",
        "dagster._core.storage.runs.InMemoryRunStorage",
        "dagster._core.storage.runs.in_memory.stamp_alembic_rev",
        "dagster._core.utils.make_new_run_id",
    },
}


def find_private_names(tree: Tree) -> dict[str, set[str]]:
    """What each module imports from Dagster's private modules, or names in a string or by attributes."""
    found = {}
    for name, code in tree.code.items():
        texts = {
            node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        texts |= {ast.unparse(node) for node in ast.walk(code) if isinstance(node, ast.Attribute)}
        found[name] = {text for text in tree.imported[name] | texts if PRIVATE_NAME.fullmatch(text)}
    return {name: private for name, private in found.items() if private}


def test_only_the_listed_private_names_are_used() -> None:
    found: dict[str, set[str]] = {}
    for package in TREES:
        found |= find_private_names(tree_of(package))
    del found[__name__]  # this list
    assert found == PRIVATE_NAMES
    assert {name.rpartition(".")[0] for name in found if name.startswith(f"{PACKAGE}.")} == {"tmdb_assets.instance"}
    assert set(PRIVATE_NAME.findall((CHECKOUT / "dagster.yaml").read_text())) == PRIVATE_NAMES_IN_YAML


def test_a_private_name_is_found(tmp_path: Path) -> None:
    text = "from dagster import asset\n\n\ndef later():\n    from dagster._core.launcher import WorkerStatus\n"
    patch = "import dagster\nmonkeypatch.setattr('dagster._core.launcher', None)"
    by_attributes = "import dagster\nkind = dagster._core.Status"
    files = {"house/a.py": text, "house/b.py": "from dagster import Failure", "house/c.py": patch}
    tree = made_up(tmp_path, files | {"house/d.py": by_attributes})
    assert find_private_names(tree) == {
        "house.a": {"dagster._core.launcher.WorkerStatus"},
        "house.c": {"dagster._core.launcher"},
        "house.d": {"dagster._core", "dagster._core.Status"},
    }
