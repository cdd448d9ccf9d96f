"""The Dockerfile's steps that can be tested without an engine: it copies enough to run the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tmdb_assets.settings import PROJECT_ROOT

METADATA = "import hatchling.build as b; b.prepare_metadata_for_build_wheel('.')"
# The command of the image, and what it reads at run time.
USE = """
from importlib.metadata import version
from tmdb_assets import settings
from tmdb_assets.cli.main import main
from tmdb_assets.warehouse.schema.views import VIEWS
from tmdb_assets.warehouse.schema.ddl import view_file
assert version("tmdb-assets") and all(view_file(view.name).is_file() for view in VIEWS)
print(settings.SHIPPED_DIR, settings.PROJECT_ROOT)
main(["--help"])
"""


def copy_stage(name: str, until: str, folder: Path) -> None:
    """Copy into a folder what the stage has copied before the line with `until`."""
    text = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stage = re.split(rf"^FROM \S+ AS {name}$", text, flags=re.MULTILINE)[1].split("\nFROM ")[0]
    before, found, _ = stage.partition(until)
    assert found, until
    for sources in re.findall(r"^COPY (?!--from)(.+)$", before, flags=re.MULTILINE):
        *paths, target = sources.split()
        for path in paths:
            source = PROJECT_ROOT / path
            place = folder / target / source.name if target.endswith("/") else folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place)


def test_enough_is_copied_to_run_the_project_from_its_folder(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    copy_stage("project", "prepare_metadata", app)
    assert METADATA in (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    env = {"PYTHONPATH": str(app), "PATH": os.environ["PATH"]}
    for code in (METADATA, USE):
        done = subprocess.run([sys.executable, "-c", code], cwd=app, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{app} {app}"
    assert "Usage: " in done.stdout


def test_dockerignore_lets_through_what_is_copied() -> None:
    allowed = set(re.findall(r"^!(.+)$", (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    text = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {path for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for path in line.split()[:-1]}
    assert "pyproject.toml" in copied
    assert copied <= allowed
