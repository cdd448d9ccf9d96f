"""Restores that are refused: reported in one line, and the warehouse is unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.backup import fill as fill_module
from tmdb_assets.warehouse.backup import restore as restore_module
from tmdb_assets.warehouse.backup.dump import COUNTS_MARK, back_up
from tmdb_assets.warehouse.backup.programs import BackupError, RefusedError, run_program
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.server.libpq import libpq_environment
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import COUNTS, assert_one_line, everything, execute, on
from tmdb_assets_tests.oracle.compare import Tables, fresh_database
from tmdb_assets_tests.stage.postgres import connect, database_names


@pytest.fixture(autouse=True)
def no_database_is_left(server: Server) -> Iterator[None]:
    """Whatever fails, no other database is left."""
    yield
    assert [name for name in database_names(server.url) if "_restoring_" in name or "_replaced_" in name] == []


def test_a_newer_releases_backup_is_refused(server: Server, copy: Warehouse, tmp_path: Path) -> None:
    execute(copy.url, "update schema_version set version_num = '9999'")
    back_up(on(server, copy.url), tmp_path / "newer.dump")
    execute(copy.url, f"update schema_version set version_num = '{HEAD}'")
    before = everything(copy.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), tmp_path / "newer.dump", replace=True)
    assert_one_line(raised, "made by a newer tmdb-assets: its schema is at '9999'", "Nothing was changed")
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
        (lambda _: b"", "cannot be restored"),
        (lambda _: b"once upon a time\n" * 100, "cannot be restored"),
        (lambda saved: saved.read_bytes()[:700], "cannot be restored"),
        (truncated, "cannot be restored"),
        (damaged, "Use another backup"),
    ],
    ids=["empty", "text", "head", "truncated", "damaged"],
)
def test_a_file_that_is_not_a_whole_dump_changes_nothing(
    server: Server,
    saved: Path,
    copy: Warehouse,
    database: sa.URL,
    tmp_path: Path,
    made: Callable[[Path], bytes],
    said: str,
    replace: bool,
) -> None:
    file = tmp_path / "warehouse.dump"
    file.write_bytes(made(saved))
    url = copy.url if replace else database
    before = everything(url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, url), file, replace=replace)
    assert_one_line(raised, str(file), said, "Nothing was changed")
    assert everything(url) == before


def test_a_file_with_fewer_rows_than_were_saved_is_refused(
    server: Server, saved: Path, copy: Warehouse, tmp_path: Path
) -> None:
    whole, _, counts = saved.read_bytes().rpartition(COUNTS_MARK)
    (tmp_path / "warehouse.dump").write_bytes(
        whole + COUNTS_MARK + counts.replace(b'"dim_movie":20', b'"dim_movie":21')
    )
    before = everything(copy.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), tmp_path / "warehouse.dump", replace=True)
    assert_one_line(raised, "is not complete: it has 20 of 21 rows of dim_movie", "Nothing was changed")
    assert everything(copy.url) == before
    (tmp_path / "warehouse.dump").write_bytes(whole)  # as an earlier release saved it
    assert restore(on(server, copy.url), tmp_path / "warehouse.dump", replace=True).counts == COUNTS


def test_rows_that_do_not_fit_the_tables_change_nothing(
    server: Server, copy: Warehouse, loaded_database: str, tmp_path: Path
) -> None:
    before = everything(copy.url)
    broken = {
        "ck_fact_movie_daily_source_one_of": "fact_movie_daily set source = 'hearsay'",
        "fk_dim_movie_original_language": "dim_movie set original_language = 'zz'",
    }
    for said, change in broken.items():
        with fresh_database(server, loaded_database) as source:
            table = change.split()[0]
            execute(source, f"alter table {table} drop constraint {said}", f"update {change}")
            back_up(on(server, source), tmp_path / "warehouse.dump", overwrite=True)
        with pytest.raises(RefusedError) as raised:
            restore(on(server, copy.url), tmp_path / "warehouse.dump", replace=True)
        assert_one_line(raised, "do not fit the tables", said, "Nothing was changed")
        assert everything(copy.url) == before


def test_another_programs_dump_is_refused(server: Server, copy: Warehouse, database: sa.URL, tmp_path: Path) -> None:
    execute(database, "create table dim_movie (id int)", "create table fact_movie_daily (id int)")
    run_program(
        [server.bin_dir / "pg_dump", "--format=custom", f"--file={tmp_path / 'other.dump'}"],
        libpq_environment(database),
    )
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), tmp_path / "other.dump", replace=True)
    assert_one_line(raised, "is not a backup of a warehouse: it has no rows of load_day", "Nothing was changed")
    with pytest.raises(RefusedError, match=r"none\.dump cannot be read \(No such file or directory\)"):
        restore(on(server, copy.url), tmp_path / "none.dump", replace=True)
    assert Tables(copy).value("select count(*) from dim_movie") == 20


def test_a_server_that_fails_during_a_restore_leaves_what_was_there(
    server: Server, saved: Path, copy: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_sessions(*_: object) -> None:
        execute(server.url, "select pg_terminate_backend(pid) from pg_stat_activity where datname like '%_restoring_%'")

    before = everything(copy.url)
    real = fill_module.apply_view
    monkeypatch.setattr(fill_module, "apply_view", lambda *arguments: (end_sessions(), real(*arguments)))
    with pytest.raises(BackupError) as raised:
        restore(on(server, copy.url), saved, replace=True)
    assert_one_line(raised, "went away", "the warehouse is unchanged")
    assert everything(copy.url) == before


def test_a_run_that_fetches_is_in_the_way_whatever_its_name(server: Server, saved: Path, copy: Warehouse) -> None:
    with connect(copy.url) as connection:
        connection.execute(f"select pg_advisory_lock({restore_module.FETCH_LOCK})")
        connection.execute("set application_name = 'behind a pooler'")
        with pytest.raises(RefusedError) as raised:
            restore(on(server, copy.url), saved, replace=True)
    assert_one_line(raised, "in use by a run that fetches from TMDb", "Nothing was changed")
    assert restore(on(server, copy.url), saved, replace=True).counts == COUNTS


@pytest.mark.long
def test_a_running_query_is_waited_for_and_an_idle_reader_is_disconnected(
    server: Server, saved: Path, copy: Warehouse
) -> None:
    before = everything(copy.url)
    with connect(copy.url) as reader:
        with reader.transaction():
            assert reader.execute("select count(*) from dim_movie").fetchone() == (20,)
            with pytest.raises(RefusedError) as raised:
                restore(on(server, copy.url), saved, replace=True)
            assert_one_line(raised, f"Others are reading {describe(copy.url)} (There is 1 other session", "Nothing was")
            assert everything(copy.url) == before
        assert restore(on(server, copy.url), saved, replace=True).counts == COUNTS
        with pytest.raises(psycopg.OperationalError):
            reader.execute("select 1")


@pytest.mark.parametrize(
    ("replace", "stays", "said"),
    [
        (False, True, f"in use by tmdb-assets {os.getpid()} (session "),
        (True, True, f"in use by tmdb-assets {os.getpid()} (session "),
        (False, False, "holds rows (in dim_genre)"),
    ],
    ids=["run", "run before replace", "rows"],
)
def test_rows_and_runs_that_come_during_a_restore_are_kept(
    server: Server,
    saved: Path,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    replace: bool,
    stays: bool,
    said: str,
) -> None:
    real = restore_module.fill

    def meanwhile(*arguments: Any) -> Any:
        filled = real(*arguments)
        with warehouse.begin() as connection:
            connection.exec_driver_sql(
                "insert into dim_genre (genre_id, name, as_of_date) values (1, 'x', '2026-07-01')"
            )
        if not stays:
            warehouse.close()
        return filled

    ensure_schema(warehouse.engine)
    warehouse.close()
    monkeypatch.setattr(restore_module, "fill", meanwhile)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, warehouse.url), saved, replace=replace)
    assert_one_line(raised, said, "Nothing was changed")
    assert Tables(warehouse).rows("select genre_id, name from dim_genre") == [(1, "x")]
    warehouse.close()
