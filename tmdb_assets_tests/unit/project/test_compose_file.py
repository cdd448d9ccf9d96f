"""docker-compose.yml follows the Compose specification, and its services have no more access than they need."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from compose_spec import PyOptions

from tmdb_assets.settings import Settings
from tmdb_assets_tests.stage.compose_file import FILE, SCALE_FILE, made_env, read_compose

OURS = {"migrate", "code", "webserver", "daemon", "viz", "etl"}


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    return made_env()


@pytest.fixture(scope="module")
def services(env: dict[str, str]) -> dict[str, Any]:
    return dict(read_compose(env)["services"])


def test_the_file_follows_the_specification(env: dict[str, str]) -> None:
    parsed = PyOptions(apply_merge=True).from_yaml(yaml.safe_dump(read_compose(env)))
    parsed.validate()
    assert set(parsed.service_names()) == OURS | {"postgres", "pgadmin"}


def test_no_password_has_a_default(env: dict[str, str]) -> None:
    for name in [name for name in env if name.endswith("PASSWORD")]:
        with pytest.raises(LookupError, match=f"{name}: run make env"):
            read_compose({key: value for key, value in env.items() if key != name}, SCALE_FILE)
    read_compose({key: value for key, value in env.items() if key != "REDIS_PASSWORD"})
    text = FILE.read_text(encoding="utf-8") + SCALE_FILE.read_text(encoding="utf-8")
    assert re.findall(r"(?i)password\w*: (?!\$\{\w+:\?)\S+", text) == []


def test_pages_listen_on_this_machine_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_have_health_checks_bounded_logs_and_no_capabilities(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert ("healthcheck" in service) == (service["restart"] == "unless-stopped"), name
        if name in OURS:
            assert service["read_only"], name
            assert service["tmpfs"] == ["/tmp:size=256m"], name  # it counts as memory, of which there is 1 GB


def test_nobody_runs_as_root(services: dict[str, Any]) -> None:
    assert [services[name]["user"] for name in ("postgres", "pgadmin")] == ["postgres", "pgadmin"]
    stages = (FILE.parent / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    for target in {services[name]["build"]["target"] for name in OURS if "build" in services[name]}:
        (stage,) = [stage for stage in stages if stage.splitlines()[0].endswith(f" AS {target}")]
        assert re.search(r"^USER 10001:10001$", stage, flags=re.MULTILINE), target


def test_only_migrate_connects_as_the_superuser_and_the_app_as_the_reader(
    services: dict[str, Any], env: dict[str, str]
) -> None:
    users = {
        name: re.match(r"postgresql://(\w+):([^@]+)@", services[name]["environment"]["WAREHOUSE_URL"]) for name in OURS
    }
    loader = ("tmdb_loader", env["WAREHOUSE_LOADER_PASSWORD"])
    assert {name: found and found.groups() for name, found in users.items()} == {
        "migrate": ("postgres", env["POSTGRES_PASSWORD"]),
        "viz": ("tmdb_reader", env["WAREHOUSE_READER_PASSWORD"]),
        **dict.fromkeys(("code", "webserver", "daemon", "etl"), loader),
    }


def test_pgadmin_has_the_server_and_the_password_of_the_reader(env: dict[str, str]) -> None:
    compose = read_compose(env)
    (server,) = yaml.safe_load(compose["configs"]["pgadmin_servers"]["content"])["Servers"].values()
    assert (server["Host"], server["Port"], server["Username"]) == ("postgres", 5432, "tmdb_reader")
    line = compose["configs"]["pgadmin_pgpass"]["content"].strip()
    assert line == f"postgres:5432:*:tmdb_reader:{env['WAREHOUSE_READER_PASSWORD']}"


def test_each_service_has_only_the_variables_it_needs(env: dict[str, str]) -> None:
    secrets = {name: f"secret-{name}" for name in ("TMDB_TOKEN", "ALERT_WEBHOOK_URL", "PGADMIN_PASSWORD")}
    secrets |= {name: value for name, value in env.items() if name.endswith("_PASSWORD") and name not in secrets}
    services = read_compose(env | secrets)["services"]
    held = {
        name: {secret for secret, value in secrets.items() if value in str(service.get("environment"))}
        for name, service in services.items()
    }
    runs = {"TMDB_TOKEN", "ALERT_WEBHOOK_URL", "WAREHOUSE_LOADER_PASSWORD"}
    assert held == {
        "postgres": {"POSTGRES_PASSWORD"},
        "migrate": {"POSTGRES_PASSWORD", "WAREHOUSE_LOADER_PASSWORD", "WAREHOUSE_READER_PASSWORD"},
        "code": runs,
        "etl": runs,
        "webserver": {"WAREHOUSE_LOADER_PASSWORD"},
        "daemon": {"WAREHOUSE_LOADER_PASSWORD"},
        "viz": {"WAREHOUSE_READER_PASSWORD"},
        "pgadmin": {"PGADMIN_PASSWORD"},
    }
    own = {name: set(service["environment"]) for name, service in services.items() if name in OURS}
    code_server = {"CODE_SERVER_HOST", "CODE_SERVER_PORT"}
    assert own["webserver"] == {"TMDB_TOKEN", "WAREHOUSE_URL", "UI_ALLOWED_HOSTS", *code_server}
    limits = {"MAX_CONCURRENT_RUNS", "RUN_START_TIMEOUT_S"}
    assert own["daemon"] == {"TMDB_TOKEN", "WAREHOUSE_URL", *limits, *code_server}
    assert own["viz"] == {"TMDB_TOKEN", "WAREHOUSE_URL", "UI_ALLOWED_HOSTS", "REPORT_LANGUAGE"}
    assert services["viz"]["volumes"] == ["reports:/app/data/reports:ro"]
    settings = {name.upper() for name in Settings.model_fields} - {"REPORTS_DIR", "UI_ALLOWED_HOSTS"}
    settings -= limits | {"RUN_LAUNCHER", "CELERY_BROKER_URL", "KUBERNETES_LAUNCHER_FILE", "WAREHOUSE_READ_URL"}
    assert own["code"] == own["etl"] == {name for name in settings if not name.endswith("_PASSWORD")}


@pytest.mark.parametrize("token", ["", "a token"])
def test_every_service_selects_the_same_database(env: dict[str, str], token: str) -> None:
    services = read_compose(env | {"TMDB_TOKEN": token})["services"]
    assert {bool(services[name]["environment"]["TMDB_TOKEN"]) for name in OURS} == {bool(token)}


def test_readers_reach_the_database_and_nothing_else(services: dict[str, Any], env: dict[str, str]) -> None:
    networks = {name: set(service["networks"]) for name, service in services.items()}
    assert set().union(*networks.values()) == set(read_compose(env)["networks"])
    reached = {
        name: {other for other, theirs in networks.items() if theirs & networks[name]} - {name} for name in networks
    }
    assert reached["viz"] == {"postgres", "pgadmin"}
    assert reached["pgadmin"] == {"postgres", "viz"}
    assert reached["webserver"] == reached["code"] - {"webserver"} | {"code"}
    assert {"postgres", "webserver", "daemon"} <= reached["code"]


def test_with_workers_only_what_launches_or_runs_reaches_redis(env: dict[str, str]) -> None:
    compose = read_compose(env | {"WORKERS": "4"}, SCALE_FILE)
    PyOptions(apply_merge=True).from_yaml(yaml.safe_dump(compose)).validate()
    services = compose["services"]
    reach = {name for name, service in services.items() if "queue" in service["networks"]}
    assert reach == {"redis", "code", "webserver", "daemon", "worker"}
    elsewhere = {name for name, service in services.items() if "RUN_LAUNCHER" in service.get("environment", {})}
    assert elsewhere == reach - {"redis"}
    assert {name for name in services if env["REDIS_PASSWORD"] in str(services[name])} == reach
    assert env["REDIS_PASSWORD"] not in str(services["redis"]["command"])
    assert "ports" not in services["redis"]
    worker = services["worker"]
    assert (worker["deploy"]["replicas"], services["daemon"]["environment"]["MAX_CONCURRENT_RUNS"]) == (4, 4)
    assert worker["environment"]["WAREHOUSE_URL"] == services["code"]["environment"]["WAREHOUSE_URL"]
    assert (worker["read_only"], worker["cap_drop"], worker["stop_grace_period"]) == (True, ["ALL"], "15m")
    assert {services[name]["image"] for name in reach - {"redis"}} == {"tmdb-assets-scale"}


def test_every_service_has_a_limit_of_memory_and_of_processes(services: dict[str, Any]) -> None:
    limits = {name: (service["mem_limit"], service["pids_limit"]) for name, service in services.items()}
    assert limits == {name: ("2g" if name in {"code", "etl"} else "1g", 512) for name in services}
