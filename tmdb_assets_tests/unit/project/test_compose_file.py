"""docker-compose.yml keeps the Compose specification, and what the documents promise of it."""

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


def test_the_file_keeps_the_specification(env: dict[str, str]) -> None:
    parsed = PyOptions(apply_merge=True).from_yaml(yaml.safe_dump(read_compose(env)))
    parsed.validate()
    assert set(parsed.service_names()) == OURS | {"postgres", "pgadmin"}


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("healthcheck:", "healthchek:", "healthchek"),
        ("condition: service_healthy", "condition: service_helthy", "service_helthy"),
        ("restart: unless-stopped", "restart: allways", "allways"),
        ("source: pgadmin_pgpass", "source: pgadmin_pgpas", "pgadmin_pgpas"),
    ],
)
def test_a_file_that_does_not_is_refused(env: dict[str, str], right: str, wrong: str, told: str) -> None:
    text = yaml.safe_dump(read_compose(env), default_flow_style=False)
    assert right in text
    with pytest.raises(ValueError, match=told):
        PyOptions(apply_merge=True).from_yaml(text.replace(right, wrong)).validate()


def test_no_password_has_a_default(env: dict[str, str]) -> None:
    for name in [name for name in env if name.endswith("PASSWORD")]:
        with pytest.raises(LookupError, match=f"{name}: run make env"):
            read_compose({key: value for key, value in env.items() if key != name})
    text = FILE.read_text(encoding="utf-8")
    assert re.findall(r"(?i)password\w*: (?!\$\{\w+:\?)\S+", text) == []


def test_pages_listen_on_this_machine_only(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "postgres": ["127.0.0.1:5432:5432"],
        "webserver": ["127.0.0.1:3000:3000"],
        "viz": ["127.0.0.1:8501:8501"],
        "pgadmin": ["127.0.0.1:5050:5050"],
    }


def test_what_lasts_has_a_health_check_a_log_that_ends_and_no_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert ("healthcheck" in service) == (service["restart"] == "unless-stopped"), name
        if name in OURS:
            assert service["read_only"], name
    assert {name for name, service in services.items() if service["restart"] == "no"} == {"migrate", "etl"}
    assert services["etl"]["profiles"] == ["etl"]
    assert [name for name, service in services.items() if "profiles" in service] == ["etl"]


def test_nobody_runs_as_root(services: dict[str, Any]) -> None:
    assert {name: services[name].get("user") for name in ("postgres", "pgadmin")} == {
        "postgres": "postgres",
        "pgadmin": "pgadmin",
    }
    stages = (FILE.parent / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    for target in {services[name]["build"]["target"] for name in OURS if "build" in services[name]}:
        (stage,) = [stage for stage in stages if stage.splitlines()[0].endswith(f" AS {target}")]
        assert re.search(r"^USER 10001:10001$", stage, flags=re.MULTILINE), target


def test_each_image_of_ours_is_built_by_one_service_for_which_its_users_wait(services: dict[str, Any]) -> None:
    builders = {name: service["image"] for name, service in services.items() if "build" in service}
    assert builders == {"migrate": "tmdb-assets", "viz": "tmdb-assets-viz"}
    for name in OURS - set(builders):
        assert services[name]["image"] == "tmdb-assets"
        assert "migrate" in services[name]["depends_on"]


def test_everything_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    ready = {"postgres": "service_healthy", "migrate": "service_completed_successfully"}
    waits = {
        name: {other: one["condition"] for other, one in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert waits == {
        "postgres": {},
        "migrate": {"postgres": "service_healthy"},
        "code": ready,
        "webserver": {**ready, "code": "service_healthy"},
        "daemon": {**ready, "code": "service_healthy"},
        "viz": ready,
        "pgadmin": ready,
        "etl": ready,
    }


def test_only_migrate_is_the_superuser_and_pages_read_as_the_reader(
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


def test_pgadmin_finds_its_server_and_the_readers_password(env: dict[str, str]) -> None:
    compose = read_compose(env)
    (server,) = yaml.safe_load(compose["configs"]["pgadmin_servers"]["content"])["Servers"].values()
    assert (server["Host"], server["Port"], server["Username"]) == ("postgres", 5432, "tmdb_reader")
    line = compose["configs"]["pgadmin_pgpass"]["content"].strip()
    assert line == f"postgres:5432:*:tmdb_reader:{env['WAREHOUSE_READER_PASSWORD']}"
    assert compose["services"]["pgadmin"]["volumes"] == ["pgadmin:/var/lib/pgadmin"]


def test_the_code_server_waits_for_its_runs(services: dict[str, Any]) -> None:
    # As process 1, and not below an init that would pass the signal on to the run as well.
    assert (services["code"]["init"], services["code"]["stop_grace_period"]) == (False, "15m")
    assert services["code"]["command"][:3] == ["dagster", "api", "grpc"]
