"""Restores that cannot be: told in one line, and what was there stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.backup import dump as backup_module
from tmdb_assets.warehouse.backup import restore as restore_module
from tmdb_assets.warehouse.backup.dump import BackupError, RefusedError, back_up
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import COUNTS, assert_one_line, everything, execute, on
from tmdb_assets_tests.oracle.compare import Tables, fresh_database
from tmdb_assets_tests.stage.postgres import connect


def test_a_newer_releases_backup_is_refused(server: Server, copy: Warehouse, tmp_path: Path) -> None:
    execute(copy.url, "update schema_version set version_num = '9999'")
    back_up(on(server, copy.url), tmp_path / "newer.dump")
    execute(copy.url, f"update schema_version set version_num = '{HEAD}'")
    before = everything(copy.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), tmp_path / "newer.dump", replace=True)
    assert_one_line(raised, "newer tmdb-assets: its schema is at 9999", "Nothing was changed")
    assert everything(copy.url) == before


def truncated(saved: Path) -> bytes:
    whole = saved.read_bytes()
    return whole[: len(whole) - 2_000]


def damaged(saved: Path) -> bytes:
    whole = bytearray(saved.read_bytes())
    for place in range(len(whole) - 9_000, len(whole) - 3_000):
        whole[place] ^= 0xFF
    return bytes(whole)


@pytest.mark.parametrize("replace", [False, True], ids=["empty", "replace"])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda _: b"", "is no file that tmdb-assets backup has made"),
        (lambda _: b"once upon a time\n" * 100, "is no file that tmdb-assets backup has made"),
        (lambda saved: saved.read_bytes()[:700], "cannot be restored"),
        (truncated, "cannot be restored"),
        (damaged, "cannot be restored"),
    ],
    ids=["empty", "text", "head", "truncated", "damaged"],
)
def test_a_file_that_is_no_whole_dump_is_refused_before_anything_is_touched(
    server: Server,
    saved: Path,
    copy: Warehouse,
    database: sa.URL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Path], bytes],
    said: str,
    replace: bool,
) -> None:
    file = tmp_path / "warehouse.dump"
    file.write_bytes(made(saved))
    url = copy.url if replace else database
    before = everything(url)
    monkeypatch.setattr(restore_module, "_drop", lambda *_, **__: pytest.fail("tables are locked and dropped"))
    with pytest.raises(RefusedError) as raised:
        restore(on(server, url), file, replace=replace)
    assert_one_line(raised, str(file), said, "Nothing was changed")
    assert everything(url) == before


def test_another_programs_dump_is_refused(server: Server, copy: Warehouse, database: sa.URL, tmp_path: Path) -> None:
    execute(database, "create table dim_movie (id int)", "create table fact_movie_daily (id int)")
    backup_module.run_program(
        [server.bin_dir / "pg_dump", "--format=custom", f"--file={tmp_path / 'other.dump'}"],
        backup_module.libpq_environment(database),
    )
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), tmp_path / "other.dump", replace=True)
    assert_one_line(raised, "is no backup of a warehouse: the tables load_day are not in it", "Nothing was changed")
    with pytest.raises(RefusedError, match=r"none\.dump cannot be read \(No such file or directory\)"):
        restore(on(server, copy.url), tmp_path / "none.dump", replace=True)
    assert Tables(copy).value("select count(*) from dim_movie") == 20


def test_a_restore_that_fails_at_its_end_leaves_what_was_there(
    server: Server, copy: Warehouse, loaded_database: str, tmp_path: Path
) -> None:
    with fresh_database(server, loaded_database) as source:
        execute(
            source,
            "create schema own",
            "create function own.double(bigint) returns bigint immutable language sql return 2 * $1",
            "create index ix_own on dim_movie (own.double(movie_id))",  # made after the rows; own is not in the file
            "delete from fact_movie_daily",
        )
        back_up(on(server, source), tmp_path / "warehouse.dump")
    before = everything(copy.url)
    with pytest.raises(BackupError) as raised:
        restore(on(server, copy.url), tmp_path / "warehouse.dump", replace=True)
    assert_one_line(raised, 'schema "own" does not exist', "the warehouse is as it was")
    assert everything(copy.url) == before


def test_a_running_session_is_named_and_not_disturbed(server: Server, saved: Path, copy: Warehouse) -> None:
    with copy.begin() as connection:
        connection.exec_driver_sql("delete from fact_movie_daily")
        with pytest.raises(RefusedError) as raised:
            restore(on(server, copy.url), saved, replace=True)
    assert_one_line(raised, f"in use by tmdb-assets {os.getpid()} (session ", "Nothing was changed")
    assert Tables(copy).value("select count(*) from fact_movie_daily") == 0


def test_a_run_that_asks_tmdb_is_in_the_way_whatever_its_name(server: Server, saved: Path, copy: Warehouse) -> None:
    with connect(copy.url) as connection:
        connection.execute(f"select pg_advisory_lock({restore_module.FETCH_LOCK})")
        connection.execute("set application_name = 'behind a pooler'")
        with pytest.raises(RefusedError) as raised:
            restore(on(server, copy.url), saved, replace=True)
    assert_one_line(raised, "in use by a run that asks TMDb", "Nothing was changed")
    assert restore(on(server, copy.url), saved, replace=True) == COUNTS


def test_a_reader_who_does_not_end_is_waited_for_a_while(
    server: Server, saved: Path, copy: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_module, "LOCK_WAIT", "100ms")
    before = everything(copy.url)
    with psycopg.connect(connect(copy.url).info.dsn) as reader:
        assert reader.execute("select count(*) from dim_movie").fetchone() == (20,)
        with pytest.raises(RefusedError) as raised:
            restore(on(server, copy.url), saved, replace=True)
        assert_one_line(raised, "Others have been reading", "Nothing was changed")
    assert everything(copy.url) == before


def test_a_view_of_ones_own_on_the_tables_is_named_not_dropped(server: Server, saved: Path, copy: Warehouse) -> None:
    execute(copy.url, "create view my_favourites as select title from dim_movie")
    before = everything(copy.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), saved, replace=True)
    assert_one_line(raised, "view my_favourites depends on table dim_movie", "Nothing was changed")
    assert everything(copy.url) == before


def test_rows_that_come_while_the_file_is_read_are_kept(
    server: Server, saved: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_schema(warehouse.engine)
    warehouse.close()
    real = restore_module.run_program

    def meanwhile(command: list[str | Path]) -> bytes:
        if "--section=data" in command:
            execute(warehouse.url, "insert into dim_genre (genre_id, name, as_of_date) values (1, 'x', '2026-07-01')")
        return real(command)

    monkeypatch.setattr(restore_module, "run_program", meanwhile)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, warehouse.url), saved)
    assert_one_line(raised, "holds rows (in dim_genre)", "Nothing was changed")
    assert Tables(warehouse).rows("select genre_id, name from dim_genre") == [(1, "x")]
