"""Exports that are refused or cannot be finished: one line, and what was there stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tmdb_assets.warehouse.export import export as export_module
from tmdb_assets.warehouse.export.export import Exported
from tmdb_assets.warehouse.export.folder import ExportError, ExportRefusedError, locked
from tmdb_assets.warehouse.reading import NothingToReadError
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.export.conftest import Export, content_of
from tmdb_assets_tests.oracle.compare import Tables


def one_line(error: pytest.ExceptionInfo[ExportError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_two_exports_do_not_write_to_one_folder(export_star: Export, tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ExportError) as second:
        export_star(tmp_path)
    assert one_line(second).startswith(f"Another export is writing to {tmp_path}. Nothing was written.")
    assert content_of(tmp_path) == {}
    assert isinstance(export_star(tmp_path), Exported)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file", "file is not a folder"),
        ("file/below", "file is not a folder"),
        ("page", "manifest.json is not that of an export"),
        ("torn", "manifest.json is not that of an export"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused(export_star: Export, tmp_path: Path, place: str, said: str) -> None:
    (tmp_path / "file").write_text("precious")
    for name, text in (("page", '{"name": "a web page"}'), ("torn", '{"made_by": "tmdb-')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
    before = content_of(tmp_path)
    with pytest.raises(ExportRefusedError) as refused:
        export_star(tmp_path / place)
    assert said in one_line(refused)
    assert content_of(tmp_path) == before


def test_sample_and_real_figures_do_not_mix(export_star: Export, tmp_path: Path) -> None:
    export_star(tmp_path)
    before = content_of(tmp_path)
    with pytest.raises(ExportRefusedError) as refused:
        export_star(tmp_path, is_sample=False)
    assert "holds figures of sandbox, and this export would write those of TMDb" in one_line(refused)
    assert content_of(tmp_path) == before


def test_a_full_disk_leaves_the_earlier_files(
    star: Warehouse, export_star: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_star(tmp_path)
    before = content_of(tmp_path)
    Tables(star).execute("update dim_movie set title = 'Other'")

    def fill_the_disk(*_: Any) -> Any:
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(export_module, "read_rows", fill_the_disk)
    with pytest.raises(ExportError) as full:
        export_star(tmp_path)
    assert f"The export to {tmp_path} could not be written (No space left on device)." in one_line(full)
    assert content_of(tmp_path) == before


def test_before_the_first_load_there_is_nothing_to_export(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(NothingToReadError, match="tmdb-assets run"):
        export_module.export(warehouse.engine, tmp_path / "none", is_sample=True)
    assert not (tmp_path / "none").exists()
