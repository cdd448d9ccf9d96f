"""Backups: a whole file of one state, or none."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.backup import dump as backup_module
from tmdb_assets.warehouse.backup.dump import back_up
from tmdb_assets.warehouse.backup.programs import RefusedError
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import (
    CATALOGUE,
    COUNTS,
    NEXT_DAY,
    assert_one_line,
    everything,
    on,
)
from tmdb_assets_tests.stage.platform import failures_of, platform
from tmdb_assets_tests.stage.postgres import PASSWORD, connect


def test_loads_continue_during_a_backup_which_holds_one_state(
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
    assert made == COUNTS
    assert restore(on(server, database), tmp_path / "warehouse.dump").counts == COUNTS
    assert everything(database) == everything(server.url.set(database=loaded_database))


def test_an_empty_database_has_nothing_to_save(server: Server, database: sa.URL, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        back_up(on(server, database), tmp_path / "warehouse.dump")
    assert_one_line(raised, "holds no warehouse yet")
    assert list(tmp_path.iterdir()) == []
    with connect(database) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("place", "said"),
    [("none/warehouse.dump", "none does not exist"), (".", "is a folder"), ("here.dump", "--overwrite")],
)
def test_a_place_that_cannot_be_written_is_refused(
    server: Server, loaded_database: str, tmp_path: Path, place: str, said: str
) -> None:
    (tmp_path / "here.dump").write_text("precious")
    with pytest.raises(RefusedError) as raised:
        back_up(on(server, loaded_database), tmp_path / place)
    assert_one_line(raised, said)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("end", [None, KeyboardInterrupt])
def test_nobody_else_may_read_the_file_and_an_interruption_leaves_the_earlier_one(
    server: Server,
    loaded_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: type[BaseException] | None,
) -> None:
    """Nor does a command line, which others can read, show the password."""
    file, real, calls = tmp_path / "warehouse.dump", backup_module.run_program, []
    file.write_text("of an earlier release, for all to read")
    file.chmod(0o666)

    def observed(command: list[str | Path], environment: dict[str, str]) -> bytes:
        printed = real(command, environment)
        (folder,) = (path for path in tmp_path.iterdir() if path != file)
        modes = [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())]
        calls.append((modes, " ".join(map(str, command)), environment["PGPASSWORD"]))
        assert file.read_text() == "of an earlier release, for all to read"
        if end:
            raise end
        return printed

    monkeypatch.setattr(backup_module, "run_program", observed)
    url = server.url.set(database=loaded_database, password=PASSWORD)
    before = os.umask(0)
    try:
        with pytest.raises(end) if end else nullcontext():
            back_up(on(server, url), file, overwrite=True)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == [file]
    assert oct(file.stat().st_mode & 0o777) == ("0o666" if end else "0o600")
    assert file.read_bytes().startswith(b"of an" if end else b"PGDMP")
    ((modes, command, given),) = calls
    assert modes == ["0o700", "0o600"]
    assert given == PASSWORD
    assert PASSWORD not in command
    assert loaded_database not in command
