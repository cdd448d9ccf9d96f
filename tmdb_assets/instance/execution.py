"""Runs a day of a job in this process, as Dagster's `execute_in_process` does, but with the checks of the job.

Of selected assets Dagster takes all checks, also those that the job leaves out because they do not depend on the day.
It resolves a selection at every run, which is the same for each day of a backfill.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult, JobDefinition
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process, merge_run_tags


def execute(
    job: JobDefinition,
    *,
    instance: DagsterInstance,
    partition_key: str,
    run_config: Mapping[str, Any],
    assets: frozenset[AssetKey],
    run_id: str,
    tags: Mapping[str, str],
    has_all_checks: bool = False,
) -> ExecuteInProcessResult:
    """Run a day of a job: the given assets with the job's checks of them, or with all; without assets, the whole job.

    A step's failure is in the result, not raised.
    """
    tags = merge_run_tags(job, partition_key, tags, sorted(assets), instance, run_config)
    return core_execute_in_process(
        job=InMemoryJob(_selected(job, assets, has_all_checks)),
        run_config=run_config,
        instance=instance,
        output_capturing_enabled=True,
        raise_on_error=False,
        run_tags=tags,
        run_id=run_id,
        asset_selection=assets,
    )


@lru_cache(maxsize=2)
def _selected(job: JobDefinition, assets: frozenset[AssetKey], has_all_checks: bool) -> JobDefinition:
    whole = job.as_ephemeral_job(resource_defs={}, input_values={})
    if not assets:
        return whole
    checks = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key in assets}
    return whole.get_subset(asset_selection=assets, asset_check_selection=None if has_all_checks else checks)
