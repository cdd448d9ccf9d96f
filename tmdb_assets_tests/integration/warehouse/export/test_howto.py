"""The code of docs/howto/work_with_parquet.md runs as it is written, on an export and a warehouse of the test's."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.export.conftest import Export

PAGE = (PROJECT_ROOT / "docs" / "howto" / "work_with_parquet.md").read_text(encoding="utf-8")
BLOCKS = {
    heading: code
    for chapter in PAGE.split("\n## ")[1:]
    for heading in [chapter.split("\n", 1)[0]]
    for code in ["\n".join(re.findall(r"^```python\n(.*?)^```", chapter, re.DOTALL | re.MULTILINE))]
    if code
}


@pytest.mark.parametrize("heading", BLOCKS)
def test_the_examples_run(
    heading: str,
    star: Warehouse,
    export_star: Export,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packages = {name.split(".")[0] for name in re.findall(r"^import ([\w.]+)", BLOCKS[heading], re.MULTILINE)}
    if missing := sorted(name for name in packages if find_spec(name) is None):
        pytest.skip(f"not installed: {', '.join(missing)}")
    export_star(tmp_path / "films")
    command = tmp_path / ".venv" / "bin" / "tmdb-assets"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho '{render_url(star.url)}'\n")
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[heading], heading, "exec"), {})
    printed = capsys.readouterr().out
    expected = {
        "pandas": "Film 4",
        "polars": "Film 4",
        "DuckDB": "Drama",
        "What a column means": "movie_id int64 TMDb's id of the film.",
        "Straight from Postgres": "datetime64[ns]",
    }
    assert expected[heading] in printed


def test_every_way_is_tried() -> None:
    assert len(BLOCKS) == 5
