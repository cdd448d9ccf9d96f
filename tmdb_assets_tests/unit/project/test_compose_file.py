"""docker-compose.yml follows the Compose specification, and its services have no more access than they need."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from compose_spec import PyOptions

from tmdb_assets_tests.stage.compose_file import FILE, made_env, read_compose

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
            read_compose({key: value for key, value in env.items() if key != name})
    text = FILE.read_text(encoding="utf-8")
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
