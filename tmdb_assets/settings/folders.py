"""The folders of a release's files and of run-time data."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

HOME_VARIABLE = "TMDB_ASSETS_HOME"


def find_folders(package: Path) -> tuple[Path, Path]:
    """The folder of a release's files (`sql/`, `data/`, `dagster.yaml`), and the one for `.env` and run-time data.

    In a checkout both are the checkout. An installed wheel has the first inside the package (see `pyproject.toml`) and
    uses the current folder for the second, because a database does not belong in site-packages. `TMDB_ASSETS_HOME`
    names another; the command sets it for its child processes.
    """
    shipped = package / "shipped"
    release, home = (shipped, Path.cwd()) if shipped.is_dir() else (package.parent, package.parent)
    return release, expand(os.environ.get(HOME_VARIABLE) or home)


def expand(path: str | Path) -> Path:
    """The absolute path; a `~` that stands for no user's home is part of a name, as in a shell."""
    return Path(os.path.expanduser(path)).resolve()  # noqa: PTH111 - which raises there


def quality_pages(reports: Path, database: str) -> Path:
    """The folder of the pages on the quality of each day of a database, in the folder of its reports."""
    return reports / f"quality_{quote(database, safe='')}"


# Fixed at import, unlike the settings: the command changes the current folder before it reads anything.
SHIPPED_DIR, PROJECT_ROOT = find_folders(Path(__file__).resolve().parents[1])
SHIPPED_DATA_DIR, DATA_DIR = SHIPPED_DIR / "data", PROJECT_ROOT / "data"
SQL_DIR = SHIPPED_DIR / "sql"
