"""Building the definitions: from a deployment's settings, which no module reads when it is imported."""

from __future__ import annotations

import ast
import datetime as dt
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import tmdb_assets
from tmdb_assets.definitions import build_definitions
from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets_tests.stage.waiting import PATIENCE_S

PACKAGE = Path(tmdb_assets.__file__).parent
# The functions that several assets share, by the beginnings of these assets' names.
SHARED = {
    **dict.fromkeys(
        ("bridge_", "dim_genre", "dim_company", "dim_country", "dim_person", "dim_keyword"), "load_details"
    ),
    "movie_release": "load_details",
    "vw_": "mart",
    "report_": "pictures",
}
BUILD_WITHOUT_NETWORK = """
import os, socket
def refuse(*arguments, **options):
    raise SystemExit(f"building the definitions connected to {arguments}")
socket.socket.connect = refuse
import psycopg, psycopg2
psycopg.connect = psycopg.Connection.connect = psycopg2.connect = refuse
from tmdb_assets.definitions import defs
made = defs()
assert "DAGSTER_HOME" not in os.environ
specs = list(made.resolve_all_asset_specs())
print(len(specs), made.resolve_job_def("daily").name, *{spec.tags["source"] for spec in specs})
"""
IMPORT_ALL = """
import pkgutil
import tmdb_assets
# Run by Celery, Streamlit and Alembic.
SCRIPTS = {
    "tmdb_assets.instance.celery_app", "tmdb_assets.viz.app", "tmdb_assets.warehouse.schema.migrations.env"
}
for module in pkgutil.walk_packages(tmdb_assets.__path__, "tmdb_assets."):
    if module.name not in SCRIPTS:
        __import__(module.name)
from tmdb_assets.definitions import defs
from tmdb_assets.settings import PROJECT_ROOT, SettingsError
try:
    defs()
except SettingsError as error:
    print(error)
"""


def run(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"} | variables
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_building_connects_to_nothing_and_needs_no_dagster_home(tmp_path: Path) -> None:
    # An address at which nothing answers: it must not be looked at.
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    done = run(BUILD_WITHOUT_NETWORK, tmp_path, WAREHOUSE_URL=nowhere, TMDB_TOKEN="some-token")
    count = len(list(build_definitions().resolve_all_asset_specs()))
    assert (done.stdout.split(), done.returncode) == ([str(count), "daily", "TMDb"], 0), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_told_when_the_definitions_are_built_and_not_by_an_import(tmp_path: Path) -> None:
    done = run(IMPORT_ALL, tmp_path, TMDB_FIRST_DAY="yesterday")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.strip()
        == "TMDB_FIRST_DAY='yesterday' is not valid. Expected: first daily partition: a date, YYYY-MM-DD."
    )


def test_one_process_can_build_for_two_deployments() -> None:
    sample = Settings.load(tmdb_first_day="2026-01-02")
    real = Settings.load(tmdb_first_day="2026-03-04", tmdb_token="token")
    made = {settings: build_definitions(settings) for settings in (sample, real)}
    for settings, definitions in made.items():
        days = dt.datetime.combine(settings.tmdb_first_day, dt.time(), dt.UTC)
        specs = list(definitions.resolve_all_asset_specs())
        assert {spec.tags["source"] for spec in specs} == {"sandbox" if settings.is_sandbox else "TMDb"}
        graph = definitions.resolve_asset_graph()
        of_checks = [graph.get_check_spec(key).partitions_def for key in graph.asset_check_keys]
        found = {made.start for made in [*of_checks, *(spec.partitions_def for spec in specs)] if made}
        assert found == {days}
        assert definitions.resolve_job_def("daily").partitions_def.start == days
        warehouse, tmdb = (definitions.resources[name].resource_fn(None) for name in ("warehouse", "tmdb"))
        assert warehouse.settings is tmdb.settings is settings
    assert sample.source != real.source


def test_overrides_replace_resources() -> None:
    warehouse, details = object(), object()
    resources = build_definitions(warehouse=warehouse, details=details).resources
    assert resources["warehouse"].resource_fn(None) is warehouse
    assert resources["details"].resource_fn(None) is details
    assert set(resources) == {"warehouse", "tmdb", "details", "progress"}


def line_of(path: Path, function: str) -> int:
    """The line on which the only function of that name begins, with its decorators."""
    found = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    (only,) = found
    return min(node.lineno for node in [*only.decorator_list, only])


@pytest.mark.parametrize(
    "spec",
    sorted(build_definitions().resolve_all_asset_specs(), key=lambda spec: spec.key),
    ids=lambda spec: spec.key.path[0],
)
def test_an_asset_links_to_the_very_function_that_makes_it(spec) -> None:
    (reference,) = spec.metadata["dagster/code_references"].code_references
    path, name = Path(reference.file_path), spec.key.to_user_string()
    assert path.parent in (PACKAGE / "assets", PACKAGE / "checks")
    function = next((made for prefix, made in SHARED.items() if name.startswith(prefix)), name)
    assert reference.line_number == line_of(path, function)


def test_dagsters_own_commands_find_the_definitions_in_the_projects_folder() -> None:
    """`dg list defs`, `dg check defs` and `dg launch` read pyproject.toml, `dagster dev` either of the two files."""
    tool = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (module,) = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    expected = module["python_module"]
    assert expected == {"module_name": "tmdb_assets.definitions", "location_name": "tmdb_assets"}
    found = tool["dagster"]
    assert (found["module_name"], found["code_location_name"]) == (expected["module_name"], expected["location_name"])
    project = tool["dg"]["project"]
    assert (tool["dg"]["directory_type"], project["root_module"]) == ("project", "tmdb_assets")
    assert project["code_location_target_module"] == expected["module_name"]
    assert project["code_location_name"] == expected["location_name"]
