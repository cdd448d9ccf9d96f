"""Which pg_dump is taken, and what a failing one says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.dump import Counts
from tmdb_assets.warehouse.backup.programs import BackupError, find_program, reason_of


def program(folder: Path, version: str | None, name: str = "pg_dump") -> Path:
    """A program that says its version, or fails."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / name
    made.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n" if version else "#!/bin/sh\nexit 1\n")
    made.chmod(0o755)
    return made


@pytest.fixture
def bundled(tmp_path: Path) -> dict[int, Path]:
    for version in (16, 18):
        program(tmp_path / f"bundled{version}", f"{version}.4")
    return {version: tmp_path / f"bundled{version}" for version in (18, 16)}


def folders_on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))


@pytest.mark.parametrize(("server", "taken"), [(15, 16), (16, 16), (17, 18), (18, 18)])
def test_the_bundled_program_nearest_to_the_server_is_taken(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: int, taken: int
) -> None:
    program(tmp_path / "path", "99.1")
    folders_on_path(monkeypatch, tmp_path / "path")
    assert find_program("pg_dump", at_least=server, bundled=bundled) == tmp_path / f"bundled{taken}" / "pg_dump"


def test_a_newer_server_takes_the_nearest_on_path(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    for number, version in enumerate(["15.14 (Debian 15.14-1)", None, "21beta1", "20.0", "20.3"]):
        program(tmp_path / str(number), version)
        folders.append(tmp_path / str(number))
    folders_on_path(monkeypatch, tmp_path / "missing", *folders)
    assert find_program("pg_dump", at_least=19, bundled=bundled) == tmp_path / "3" / "pg_dump"
    assert find_program("pg_dump", at_least=21, bundled=bundled) == tmp_path / "2" / "pg_dump"


def test_none_that_fits_is_told_with_what_to_install(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path", "17.6")
    program(tmp_path / "path", "19.0", name="pg_restore")
    folders_on_path(monkeypatch, tmp_path / "path")
    with pytest.raises(BackupError) as raised:
        find_program("pg_dump", at_least=19, bundled=bundled)
    text = str(raised.value)
    assert "pg_dump of Postgres 19 or later; found: 16 and 17 and 18" in text
    assert "postgresql-client-19" in text
    assert "\n" not in text
    folders_on_path(monkeypatch, tmp_path / "nothing")
    with pytest.raises(BackupError, match="found: none"):
        find_program("pg_dump", at_least=19, bundled={})


def test_what_a_program_said_is_one_line() -> None:
    said = b"pg_dump: error: query failed: ERROR:  no\npg_dump: detail: Query was: LOCK TABLE\n\n"
    error = subprocess.CalledProcessError(1, "pg_dump", stderr=said)
    assert reason_of(error) == "query failed: ERROR:  no; detail: Query was: LOCK TABLE"
    assert reason_of(subprocess.CalledProcessError(-9, "pg_dump", stderr=b"")) == "it ended with exit code -9"
    assert len(reason_of(subprocess.CalledProcessError(1, "pg_dump", stderr=b"x" * 10_000))) == 600


def test_counts_in_words() -> None:
    assert str(Counts(films=1, days=2, facts=1_234_567)) == "1 film, 2 days, 1,234,567 facts"
