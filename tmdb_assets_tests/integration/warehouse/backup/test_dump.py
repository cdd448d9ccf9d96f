"""Backups: a whole file of one state, or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.backup import dump as backup_module
from tmdb_assets.warehouse.backup.dump import back_up
from tmdb_assets.warehouse.backup.programs import BackupError, RefusedError
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import (
    CATALOGUE,
    COUNTS,
    NEXT_DAY,
    assert_one_line,
    everything,
    execute,
    on,
)
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.postgres import PASSWORD, connect


def test_loads_go_on_during_a_backup_which_holds_one_state(
    server: Server,
    copy: Warehouse,
    loaded_database: str,
    database: sa.URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, seen = backup_module.run_program, []

    def load_then_run(command: list[str | Path], *arguments: Any) -> bytes:
        """Another day is loaded after the backup has begun, before pg_dump reads the first row."""
        with platform(copy, CATALOGUE, monkeypatch) as graph:
            assert failures_of(graph.run(NEXT_DAY, charts=False)) == []
            seen.append(graph.value("select count(*) from fact_movie_daily"))
        return real(command, *arguments)

    monkeypatch.setattr(backup_module, "run_program", load_then_run)
    made = back_up(on(server, copy.url), tmp_path / "warehouse.dump")
    monkeypatch.setattr(backup_module, "run_program", real)
    assert seen == [40]
    assert made.counts == COUNTS
    assert made.size == (tmp_path / "warehouse.dump").stat().st_size
    assert restore(on(server, database), tmp_path / "warehouse.dump").counts == COUNTS
    assert everything(database) == everything(server.url.set(database=loaded_database))


def test_an_existing_file_is_kept_unless_told(server: Server, loaded_database: str, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.dump"
    file.write_text("precious")
    with pytest.raises(RefusedError) as raised:
        back_up(on(server, loaded_database), file)
    assert_one_line(raised, str(file), "--overwrite")
    assert file.read_text() == "precious"
    back_up(on(server, loaded_database), file, overwrite=True)
    assert file.read_bytes().startswith(b"PGDMP")
    assert list(tmp_path.iterdir()) == [file]


def test_the_file_is_its_owners_alone_from_its_first_byte(
    server: Server, loaded_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, real, modes = tmp_path / "warehouse.dump", backup_module.run_program, []
    file.write_text("of an earlier release, for all to read")
    file.chmod(0o666)

    def noted(command: list[str | Path], *arguments: Any) -> bytes:
        answer = real(command, *arguments)
        modes.extend(oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir() if path != file)
        return answer

    monkeypatch.setattr(backup_module, "run_program", noted)
    before = os.umask(0)
    try:
        back_up(on(server, loaded_database), file, overwrite=True)
    finally:
        os.umask(before)
    assert modes == ["0o600"]
    assert oct(file.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("place", "said"), [("none/warehouse.dump", "none does not exist"), (".", "is a folder")], ids=["missing", "folder"]
)
def test_a_place_that_cannot_be_is_told(
    server: Server, loaded_database: str, tmp_path: Path, place: str, said: str
) -> None:
    with pytest.raises(RefusedError) as raised:
        back_up(on(server, loaded_database), tmp_path / place, overwrite=True)
    assert_one_line(raised, said)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_has_nothing_to_save(server: Server, database: sa.URL, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        back_up(on(server, database), tmp_path / "warehouse.dump")
    assert_one_line(raised, "holds no warehouse yet")
    assert list(tmp_path.iterdir()) == []
    with connect(database) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_backup_leaves_the_earlier_file(
    server: Server, loaded_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    file, real = tmp_path / "warehouse.dump", backup_module.run_program
    file.write_text("precious")

    def interrupted(command: list[str | Path], *arguments: Any) -> bytes:
        real(command, *arguments)
        assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".dump", ".partial"]
        assert file.read_text() == "precious"
        raise end

    monkeypatch.setattr(backup_module, "run_program", interrupted)
    with pytest.raises(end):
        back_up(on(server, loaded_database), file, overwrite=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_role_that_may_not_read_everything_makes_no_backup(server: Server, copy: Warehouse, tmp_path: Path) -> None:
    name = f"clerk_of_{copy.url.database}"
    mine = [f"grant select on {table} to {name}" for table in ("dim_movie", "fact_movie_daily", "load_day")]
    execute(copy.url, f"create role {name} login", *mine)
    try:
        with pytest.raises(BackupError) as raised:
            back_up(on(server, copy.url.set(username=name)), tmp_path / "warehouse.dump")
        assert_one_line(raised, "permission denied for table")
        assert list(tmp_path.iterdir()) == []
    finally:
        execute(copy.url, f"drop owned by {name}", f"drop role {name}")


def test_the_password_is_on_no_command_line(
    server: Server, loaded_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = backup_module.run_program, []

    def noted(command: list[str | Path], environment: dict[str, str]) -> bytes:
        calls.append((" ".join(map(str, command)), environment["PGPASSWORD"]))
        return real(command, environment)

    monkeypatch.setattr(backup_module, "run_program", noted)
    back_up(on(server, server.url.set(database=loaded_database, password=PASSWORD)), tmp_path / "warehouse.dump")
    ((command, given),) = calls
    assert given == PASSWORD
    assert PASSWORD not in command
    assert loaded_database not in command
