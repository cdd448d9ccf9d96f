"""Where a checkout and an installed wheel find the release's files, and where they store run-time data."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tmdb_assets.settings import DATA_DIR, HOME_VARIABLE, PROJECT_ROOT, SHIPPED_DIR, SQL_DIR, find_folders
from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue

CHECKOUT = Path(__file__).resolve().parents[2]
# Run outside the checkout, like an installed wheel: prints the folders that the package found and what it read there.
PROBE = """
import json, sys
sys.path[:0] = [sys.argv[1]]
import datetime as dt
from tmdb_assets import settings
from tmdb_assets.assets.continents import CSV_FILE
from tmdb_assets.tmdb.sandbox.catalogue import COUNTRIES_CSV, SAMPLE_DIR, Catalogue
from tmdb_assets.warehouse.schema.ddl import functions_sql, view_names
films = len(Catalogue(dt.date(2026, 3, 1), SAMPLE_DIR, COUNTRIES_CSV).films)
made = (settings.SHIPPED_DIR / "workspace.yaml").exists() and (settings.SHIPPED_DIR / "dagster.yaml").exists()
print(json.dumps([str(settings.__file__), str(settings.DATA_DIR), films, len(view_names()), made, CSV_FILE.exists(),
                  "ensure_partition" in functions_sql(), (settings.SQL_DIR / "roles.sql").exists()]))
"""


def test_a_checkout_is_its_own_home() -> None:
    assert (SHIPPED_DIR, PROJECT_ROOT, DATA_DIR, SQL_DIR) == (CHECKOUT, CHECKOUT, CHECKOUT / "data", CHECKOUT / "sql")


def test_a_wheel_uses_the_current_folder_or_the_one_in_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "tmdb_assets"
    (package / "shipped").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(HOME_VARIABLE, raising=False)  # set by earlier tests of commands
    assert find_folders(package) == (package / "shipped", tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "films"))
    assert find_folders(package) == (package / "shipped", tmp_path / "films")
    (package / "shipped").rmdir()
    assert find_folders(package) == (package.parent, tmp_path / "films")


def test_a_built_wheel_contains_all_it_reads(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=CHECKOUT, capture_output=True, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    inside = declared["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in inside.items():
        for path in [CHECKOUT / source, *(CHECKOUT / source).rglob("*")]:
            if path.is_file():
                copy = tmp_path / "site" / target / path.relative_to(CHECKOUT / source)
                assert copy.read_bytes() == path.read_bytes(), source
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "site")],
        cwd=tmp_path,
        env={"PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    views = len(list((SQL_DIR / "views").glob("*.sql")))
    films = len(Catalogue(dt.date(2026, 3, 1), SAMPLE_DIR, COUNTRIES_CSV).films)
    assert f'"{tmp_path / "data"}", {films}, {views}, true, true, true, true]' in done.stdout


def test_a_tilde_of_no_user_is_part_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, "~nobody-of-this-name/data")
    assert find_folders(tmp_path / "tmdb_assets")[1] == tmp_path / "~nobody-of-this-name" / "data"
