"""What `dagster.yaml` leaves to the environment: where runs execute, how many at once, how long one may take to start.

One file serves one machine, Celery and Kubernetes (decision 45). Every launcher judges by the run's lock whether a run
lives (`WatchedRuns`), so that none needs a result backend, or the right to ask Kubernetes, to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from dagster import DagsterInstance
from dagster._config import process_config
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData

from tmdb_assets.instance.launcher import WatchedRunLauncher, WatchedRuns
from tmdb_assets.settings import Settings, SettingsError, get_settings
from tmdb_assets.settings.files import require_no_pipe

QUEUE = "dagster"  # Celery's, from which the workers take runs
CELERY = {
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,  # a run waits for the first free worker, not for a busy one
    "worker_max_tasks_per_child": 1,  # each run in a process of its own, whose memory ends with it
    "broker_connection_retry_on_startup": True,
}
NOT_INSTALLED = "Install it: pip install --require-hashes --requirement requirements-scale.lock"


class ChosenInstance(DagsterInstance):
    """Dagster's instance, with the limits of the environment in place of those of `dagster.yaml`."""

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """No configuration of its own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Dagster's."""
        return InstanceRef.config_defaults(base_dir)

    def get_settings(self, settings_key: str) -> Any:
        """A part of `dagster.yaml`."""
        part, settings = super().get_settings(settings_key), get_settings()
        if settings_key == "concurrency" and settings.max_concurrent_runs is not None:
            part = dict(part or {})
            return part | {"runs": {**part.get("runs", {}), "max_concurrent_runs": settings.max_concurrent_runs}}
        if settings_key == "run_monitoring" and settings.run_start_timeout_s is not None:
            return dict(part or {}) | {"start_timeout_seconds": settings.run_start_timeout_s}
        return part


class ChosenRunLauncher(WatchedRunLauncher):
    """The launcher that `RUN_LAUNCHER` names; an instance is of that launcher's class."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Any:
        """Make the launcher. Raises `SettingsError` if something that it needs is missing."""
        settings = get_settings()
        if settings.run_launcher == "celery":
            return _celery_launcher()(inst_data=inst_data, **celery_configuration(settings))
        if settings.run_launcher == "kubernetes":
            launcher = _kubernetes_launcher()
            return launcher(inst_data=inst_data, **kubernetes_configuration(settings, launcher.config_type()))
        return super().from_config_value(inst_data, config_value)


def celery_configuration(settings: Settings) -> dict[str, Any]:
    """The arguments of `CeleryRunLauncher`, which the workers' app shares. Raises `SettingsError` without a broker."""
    if settings.celery_broker_url is None:
        raise SettingsError(
            "RUN_LAUNCHER=celery, and CELERY_BROKER_URL is unset",
            action="Set it to the Redis of the workers: redis://:password@host:6379/0",
            setting="CELERY_BROKER_URL",
        )
    broker = settings.celery_broker_url.get_secret_value()
    return {"default_queue": QUEUE, "broker": broker, "backend": broker, "config_source": CELERY}


def kubernetes_configuration(settings: Settings, schema: Any) -> dict[str, Any]:
    """The arguments of `K8sRunLauncher`, from its file and of its schema. Raises `SettingsError` for another file."""
    path = settings.kubernetes_launcher_file
    fault = " is unset" if path is None else None
    configuration: Any = None
    try:
        if path is not None:
            require_no_pipe(path)
        configuration = path and yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        fault = f"={path} cannot be read ({' '.join(str(error).split())[:200]})"
    if fault is None:
        checked = process_config(schema, configuration)
        configuration = checked.value
        if not checked.success:
            fault = f"={path} is not valid ({'; '.join(error.message for error in checked.errors or [])[:300]})"
    if fault is not None:
        raise SettingsError(
            f"RUN_LAUNCHER=kubernetes, and KUBERNETES_LAUNCHER_FILE{fault}",
            action="Let it name the file of deploy/kubernetes/manifests/launcher.yaml, as it is mounted in the pod",
            setting="KUBERNETES_LAUNCHER_FILE",
        )
    return dict(configuration or {})


@cache
def _celery_launcher() -> Any:
    try:
        from dagster_celery.launcher import CeleryRunLauncher
    except ImportError as error:
        raise _missing("celery", "dagster-celery") from error

    class WatchedCeleryRunLauncher(WatchedRuns, CeleryRunLauncher):
        """A run is a task of Celery; its result backend has no say in whether the run lives."""

    return WatchedCeleryRunLauncher


@cache
def _kubernetes_launcher() -> Any:
    try:
        from dagster_k8s import K8sRunLauncher
    except ImportError as error:
        raise _missing("kubernetes", "dagster-k8s") from error

    class WatchedK8sRunLauncher(WatchedRuns, K8sRunLauncher):
        """A run is a Job of Kubernetes; that its pod was evicted is seen by its lock."""

    return WatchedK8sRunLauncher


def _missing(launcher: str, package: str) -> SettingsError:
    what = f"RUN_LAUNCHER={launcher} needs {package}, which is not installed"
    return SettingsError(what, action=NOT_INSTALLED, setting="RUN_LAUNCHER")
