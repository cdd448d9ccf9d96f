"""A configuration that Dagster refuses is reported in one line that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmdb_assets.instance.opening import InstanceError, open_instance


@pytest.mark.parametrize(
    "text",
    [
        "storage: {custom: {module: tmdb_assets.gone.storage, class: WarehouseStorage, config: {}}}",
        "storage: {custom: {module: tmdb_assets.instance.storage, class: Gone, config: {}}}",
        "storage: [",
        "storagee: {}",
        "- a list",
    ],
)
def test_a_broken_configuration_is_one_line(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text(text)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(InstanceError) as raised, open_instance():
        pass
    line = str(raised.value)
    assert "\n" not in line
    assert line.startswith(f"Dagster cannot be opened with {tmp_path / 'dagster.yaml'} (")
    assert line.endswith(
        "Correct this file, or remove it: the next command links to the one of this release. Then run again."
    )
