"""The export as an asset: in the graph where EXPORT_DIR is set, with the reports, downstream of what it exports."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tmdb_assets.assets.declare import REPORTS_GROUP
from tmdb_assets.assets.publish import ROW_COUNT
from tmdb_assets.definitions import build_definitions
from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.export.parts import exported_tables
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue
from tmdb_assets_tests.cases.small_star import AFTER, BEFORE, DAY, make_star
from tmdb_assets_tests.stage.platform import failures_of, metadata_of, platform

NAME = "parquet_export"


def test_the_asset_is_there_only_with_a_folder(tmp_path: Path) -> None:
    made = [build_definitions(Settings.load(**given)) for given in ({}, {"export_dir": tmp_path})]
    without, with_folder = (
        {spec.key.to_user_string(): spec for spec in each.resolve_all_asset_specs()} for each in made
    )
    assert with_folder.keys() - without.keys() == {NAME}
    spec = with_folder[NAME]
    tables = {table.name for table in exported_tables()}
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == tables & without.keys()
    assert {"fact_movie_daily", "dim_movie", "movie_history"} <= tables & without.keys()
    assert (spec.group_name, spec.partitions_def) == (REPORTS_GROUP, None)


def test_a_run_exports_and_says_what(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_star(warehouse)
    with platform(warehouse, catalogue(()), monkeypatch, export_dir=tmp_path / "films") as graph:
        graph.definitions = build_definitions(graph.source.settings, warehouse=warehouse, tmdb=graph.source)
        result = graph.run(AFTER, only={NAME})
        again = graph.run(AFTER, only={NAME})
    assert failures_of(result) + failures_of(again) == []
    manifest = json.loads((tmp_path / "films" / "manifest.json").read_text(encoding="utf-8"))
    assert metadata_of(result, NAME) == {
        "path": str(tmp_path / "films"),
        "files": len(manifest["files"]),
        "files_written": len(manifest["files"]),
        "files_deleted": 0,
        ROW_COUNT: sum(file["rows"] for file in manifest["files"]),
        "bytes": sum(file["bytes"] for file in manifest["files"]),
        "first_day": str(BEFORE),
        "last_day": str(DAY),
        "source": "TMDb",
        "attribution": manifest["attribution"],
    }
    assert pq.read_table(tmp_path / "films" / "fact_movie_daily").num_rows == 8
    assert metadata_of(again, NAME)["files_written"] == 0


def test_a_folder_that_cannot_be_used_fails_in_one_line(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_star(warehouse)
    (tmp_path / "file").write_text("precious")
    with platform(warehouse, catalogue(()), monkeypatch, export_dir=tmp_path / "file") as graph:
        graph.definitions = build_definitions(graph.source.settings, warehouse=warehouse, tmdb=graph.source)
        (failure,) = failures_of(graph.run(AFTER, only={NAME}))
    assert failure.startswith(f"{tmp_path / 'file'} is not a folder. Nothing was written.")
