"""Dagster's instance as `dagster.yaml` configures it, or one line that says why that is not possible."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from dagster import DagsterError, DagsterInstance
from dagster_shared.check import CheckError

from tmdb_assets.errors.problem import UNCHANGED, ActionableError
from tmdb_assets.instance.storage import require_writes


class InstanceError(ActionableError):
    """Dagster cannot be opened with its configuration."""

    kept = UNCHANGED


def open_instance() -> DagsterInstance:
    """Open the instance of `DAGSTER_HOME`, a context manager.

    Raises `InstanceError` for a configuration that Dagster refuses, and what the storage raises.
    """
    try:
        instance = DagsterInstance.get()
    except (CheckError, DagsterError, yaml.YAMLError) as error:
        file = Path(os.environ.get("DAGSTER_HOME", ""), "dagster.yaml")
        raise InstanceError(
            f"Dagster cannot be opened with {file} ({' '.join(str(error).split())[:300]})",
            action="Correct this file, or remove it: the next command links to the one of this release",
        ) from error
    require_writes(instance)
    return instance
