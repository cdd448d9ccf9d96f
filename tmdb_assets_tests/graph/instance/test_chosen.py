"""The launcher and the limits come from the environment; Kubernetes' manifests, and the Job of a run, are its API's."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from pydantic import SecretStr

from tmdb_assets.instance import chosen
from tmdb_assets.instance.launcher import WatchedRuns
from tmdb_assets.settings import PROJECT_ROOT, Settings, SettingsError
from tmdb_assets.settings.files import kinds
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import open_server
from tmdb_assets_tests.stage.compose_file import made_env, read_compose

MANIFESTS = PROJECT_ROOT / "deploy" / "kubernetes" / "manifests"
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
"""


def settings_are(monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
    monkeypatch.setattr(chosen, "get_settings", lambda: Settings.load(**given))


def launcher_of(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Any:
    settings_are(monkeypatch, **given)
    return chosen.ChosenRunLauncher.from_config_value(None, {})  # type: ignore[arg-type]


def manifests() -> list[dict[str, Any]]:
    files = [file for file in sorted(MANIFESTS.glob("*.yaml")) if file.name != "kustomization.yaml"]
    return [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8"))]


def as_the_api_reads(made: dict[str, Any]) -> Any:
    """A manifest read into the classes of Kubernetes' client and written again: what it does not know is left out."""
    client = pytest.importorskip("kubernetes.client")
    kind = f"{made['apiVersion'].rpartition('/')[2].capitalize()}{made['kind']}"
    api = client.ApiClient()
    return api.sanitize_for_serialization(api.deserialize(SimpleNamespace(data=json.dumps(made)), kind))


@pytest.mark.parametrize("made", manifests(), ids=lambda made: f"{made['kind']}-{made['metadata']['name']}")
def test_a_manifest_has_only_fields_of_the_api(made: dict[str, Any]) -> None:
    assert as_the_api_reads(made) == made


def test_a_field_that_the_api_does_not_have_is_found() -> None:
    (made,) = [each for each in manifests() if each["metadata"]["name"] == "tmdb-assets-daemon" if "spec" in each]
    made["spec"]["template"]["spec"]["securityContexts"] = {}
    assert as_the_api_reads(made) != made


def test_every_pod_is_confined_and_named_things_exist() -> None:
    made = manifests()
    names = {(each["kind"], each["metadata"]["name"]) for each in made}
    pods = [each["spec"]["template"] for each in made if each["kind"] in {"Deployment", "Job"}]
    assert len(pods) == 6
    for pod in pods:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["automountServiceAccountToken"] == ("tmdb-assets/launches" in pod["metadata"]["labels"])
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        claims = [
            volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if "persist" in str(volume)
        ]
        assert {("PersistentVolumeClaim", claim) for claim in claims} <= names
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == sorted(file.name for file in MANIFESTS.glob("*.yaml") if file.name != "kustomization.yaml")


def test_settings_of_the_manifests_are_ours() -> None:
    (config,) = [each for each in manifests() if each["metadata"]["name"] == "tmdb-assets-settings"]
    known = {name.upper() for name in Settings.model_fields} | {"CODE_SERVER_HOST", "CODE_SERVER_PORT"}
    assert {re.sub("_FILE$", "", name) if name not in known else name for name in config["data"]} <= known


def test_every_setting_reaches_the_pods_that_read_it() -> None:
    made = manifests()
    pods = {
        each["metadata"]["name"].removeprefix("tmdb-assets-"): each["spec"]["template"]["spec"]
        for each in made
        if each["kind"] in {"Deployment", "Job"}
    }
    given = {
        name: {re.sub("_FILE$", "", one["name"]) for one in pod["containers"][0].get("env", [])}
        for name, pod in pods.items()
    }
    services = read_compose(made_env())["services"]
    # The app and the upgrade have no more than in Compose; whatever is in the ConfigMap reaches all others.
    alone = {"viz", "migrate"}
    assert {name: given[name] for name in alone} == {name: set(services[name]["environment"]) for name in alone}
    whole = [{"configMapRef": {"name": "tmdb-assets-settings"}}]
    assert {name: pod["containers"][0].get("envFrom") for name, pod in pods.items() if name not in alone} == (
        dict.fromkeys(set(pods) - alone, whole)
    )
    (config,) = [each for each in made if each["metadata"]["name"] == "tmdb-assets-settings"]
    said = (MANIFESTS.parent / "README.md").read_text("utf-8")
    secrets = {name.upper() for name, field in Settings.model_fields.items() if SecretStr in kinds(field.annotation)}
    mounted = {name for name in secrets if f"{name}_FILE" in {*config["data"]} or f"{name}_FILE: /etc/tmdb/" in said}
    # Redis is another launcher's; a replica's address is the app's WAREHOUSE_URL; the roles' are for the upgrade alone.
    assert secrets - mounted == {"CELERY_BROKER_URL", "WAREHOUSE_READ_URL"} | (given["migrate"] & secrets - mounted)


def test_the_job_of_a_run_is_the_apis_and_confined(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job_module = pytest.importorskip("dagster_k8s.job")
    (config,) = [each for each in manifests() if "launcher.yaml" in each.get("data", {})]
    kubeconfig, file = tmp_path / "kubeconfig", tmp_path / "launcher.yaml"
    kubeconfig.write_text(KUBECONFIG)
    offline = f"load_incluster_config: false\nkubeconfig_file: {kubeconfig}\n"
    file.write_text(config["data"]["launcher.yaml"] + offline)
    launcher = launcher_of(monkeypatch, run_launcher="kubernetes", kubernetes_launcher_file=file)
    assert isinstance(launcher, WatchedRuns)
    assert type(launcher).__mro__[1] is WatchedRuns  # its health check, not that of Kubernetes
    launcher.register_instance(DagsterInstance.ephemeral())
    context = launcher.get_container_context_for_run(SimpleNamespace(job_code_origin=None, tags={}))
    job = job_module.construct_dagster_k8s_job(
        job_config=context.get_k8s_job_config(job_image=None, run_launcher=launcher),
        args=["dagster", "api", "execute_run", "{}"],
        job_name="dagster-run-1",
        user_defined_k8s_config=context.run_k8s_config,
        component="run_worker",
    )
    client = pytest.importorskip("kubernetes.client")
    made = client.ApiClient().sanitize_for_serialization(job)
    assert as_the_api_reads(made) == made
    pod = made["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert made["spec"]["backoffLimit"] == 0
    assert container["image"] == "registry.example/tmdb-assets-scale:0.1.0"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert {"configMapRef": {"name": "tmdb-assets-settings"}} in container["envFrom"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/tmp", "/etc/tmdb", "/etc/tmdb-launcher", "/app/data/reports"} == mounted
    assert pod["metadata"]["labels"]["tmdb-assets/reaches"] == "postgres-and-tmdb"


def test_celerys_launcher_judges_by_the_lock_and_shares_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_celery")
    url = "redis://:secret@redis:6379/0"
    launcher = launcher_of(monkeypatch, run_launcher="celery", celery_broker_url=url)
    assert type(launcher).__mro__[1] is WatchedRuns
    assert (launcher.broker, launcher.backend) == (url, url)
    assert launcher.inst_data is None  # what Dagster shows


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"run_launcher": "celery"}, "CELERY_BROKER_URL is unset"),
        ({"run_launcher": "kubernetes"}, "KUBERNETES_LAUNCHER_FILE is unset"),
        ({"run_launcher": "kubernetes", "kubernetes_launcher_file": "/nowhere"}, "cannot be read"),
        ({"run_launcher": "kubernetes", "kubernetes_launcher_file": __file__}, "KUBERNETES_LAUNCHER_FILE="),
    ],
)
def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        launcher_of(monkeypatch, **given)


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen._celery_launcher.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "dagster_celery.launcher", None)
    with pytest.raises(SettingsError, match=r"needs dagster-celery, .*requirements-scale\.lock"):
        launcher_of(monkeypatch, run_launcher="celery", celery_broker_url="redis://redis")


def test_limits_of_the_environment_replace_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = object.__new__(chosen.ChosenInstance)
    file = {
        "concurrency": {"runs": {"max_concurrent_runs": 2}, "pools": {"default_limit": 1}},
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 150},
    }
    monkeypatch.setattr(DagsterInstance, "get_settings", lambda self, key: file[key])
    settings_are(monkeypatch)
    assert {key: instance.get_settings(key) for key in file} == file
    settings_are(monkeypatch, max_concurrent_runs=7, run_start_timeout_s=900)
    assert instance.get_settings("concurrency") == {"runs": {"max_concurrent_runs": 7}, "pools": {"default_limit": 1}}
    assert instance.get_settings("run_monitoring") == {"enabled": True, "start_timeout_seconds": 900}


def test_no_embedded_server_starts_where_runs_execute_elsewhere(tmp_path: Any) -> None:
    given = Settings.load(run_launcher="celery", celery_broker_url="redis://queue", warehouse_url=None)
    with pytest.raises(WarehouseUnavailableError, match=r"RUN_LAUNCHER=celery.*WAREHOUSE_URL is unset"):
        open_server(given, data_dir=tmp_path / "postgres")
    assert list(tmp_path.iterdir()) == []


def test_no_embedded_server_starts_in_a_pod(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(WarehouseUnavailableError, match=r"lost with the pod.* Set WAREHOUSE_URL to a Postgres server"):
        open_server(Settings.load(warehouse_url=None), data_dir=tmp_path / "postgres")
    assert list(tmp_path.iterdir()) == []
