"""The Dockerfile's steps that can be tested without an engine: it copies enough to install the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tmdb_assets.settings import PROJECT_ROOT

BUILD = "import hatchling.build, sys; print(hatchling.build.build_editable(sys.argv[1]))"


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


def test_enough_is_copied_to_install_the_project(tmp_path: Path) -> None:
    app, made = tmp_path / "app", tmp_path / "made"
    app.mkdir()
    copy_stage("venv", "--editable .", app)
    done = subprocess.run([sys.executable, "-c", BUILD, str(made)], cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(made.glob("tmdb_assets-*.whl"))


def test_dockerignore_lets_through_what_is_copied() -> None:
    allowed = set(re.findall(r"^!(.+)$", (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    text = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {path for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for path in line.split()[:-1]}
    assert "pyproject.toml" in copied
    assert copied <= allowed
