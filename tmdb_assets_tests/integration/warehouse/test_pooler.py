"""Behind a connection pooler in transaction mode: the same rows, the same lock, Dagster's own storage."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
from dagster import AssetKey, DagsterInstance

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.fakes.replay import ReplayServer
from tmdb_assets_tests.oracle import expected
from tmdb_assets_tests.oracle.compare import Tables, assert_tables_equal, copied_warehouse, state_of
from tmdb_assets_tests.stage.at_once import lock_holder, wait_for_lock
from tmdb_assets_tests.stage.command import WITHOUT_PICTURES, command_environment, run
from tmdb_assets_tests.stage.platform import checks_of, failures_of, platform
from tmdb_assets_tests.stage.pooler import needs_pgbouncer, transaction_pooler
from tmdb_assets_tests.stage.postgres import as_text, connect, settings
from tmdb_assets_tests.stage.waiting import PATIENCE_S

pytestmark = needs_pgbouncer

DAY = dt.date(2026, 7, 31)
FILMS = catalogue(sound_films(60))


@pytest.fixture(scope="module")
def pooled(server: Server) -> Iterator[sa.URL]:
    """The tests' server behind a pooler, with only an empty database for the warehouse."""
    name = f"pooled_{os.getpid()}"
    with connect(server.url) as connection:
        connection.execute(f"create database {name}")
        connection.execute("drop database if exists dagster with (force)")  # a command waits for runs killed elsewhere
    with transaction_pooler(server.url) as url:
        yield url.set(database=name)
    with connect(server.url) as connection:
        for made in (name, "dagster"):
            connection.execute(f"drop database if exists {made} with (force)")


@pytest.fixture
def pooled_warehouse(pooled: sa.URL, database: sa.URL) -> Iterator[Warehouse]:
    """An empty warehouse behind the pooler."""
    made = Warehouse(url=pooled.set(database=database.database))
    yield made
    made.close()


@pytest.mark.long
def test_a_run_gives_the_same_rows_as_without_a_pooler(
    pooled: sa.URL, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReplayServer(FILMS) as replay:
        done = run(command_environment(pooled, replay), "run", program=WITHOUT_PICTURES)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    tables = Tables(Warehouse(url=server.url.set(database=pooled.database)))
    (day,) = tables.column("select date_id from load_day")
    assert_tables_equal(tables, expected.star({day: FILMS}))
    with copied_warehouse(server) as warehouse, platform(warehouse, FILMS, monkeypatch) as graph:
        assert failures_of(graph.run(day, charts=False)) == []
        assert state_of(tables) == state_of(graph)
    tables.warehouse.close()


def test_dagster_reads_back_what_a_run_stored(
    pooled: sa.URL, pooled_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(as_text(pooled), token="t")
    monkeypatch.setattr(server_module, "get_settings", lambda: chosen)
    monkeypatch.setattr(server_module, "_servers", {})
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    with (
        DagsterInstance.from_config(str(tmp_path)) as instance,
        platform(pooled_warehouse, FILMS, monkeypatch) as graph,
    ):
        graph.instance.dispose()
        graph.instance = instance
        result = graph.run(DAY, only={"raw_discover"})
        assert failures_of(result) == []
        stored = instance.get_records_for_run(result.run_id).records
        checks = [
            event.asset_check_evaluation_data
            for event in (record.event_log_entry.dagster_event for record in stored)
            if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        assert {f"raw_discover.{each.check_name}": each.passed for each in checks} == checks_of(result)
        assert len(checks) == 2
        assert instance.get_run_by_id(result.run_id).is_success
        newest = instance.get_latest_materialization_event(AssetKey("raw_discover"))
        assert newest.asset_materialization.metadata["dagster/partition_row_count"].value == len(FILMS.listing)


@pytest.mark.parametrize("lacking", ["dagster", "pooled"])
def test_a_pooler_without_an_entry_for_a_database_is_named(
    server: Server, pooled: sa.URL, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_servers", {})
    named = str(pooled.database)
    known, unknown = ("dagster", named) if lacking == "pooled" else (named, "dagster")
    with (
        transaction_pooler(server.url, databases=[known]) as url,
        pytest.raises(WarehouseUnavailableError) as caught,
    ):
        server_module.open_server(settings(as_text(url.set(database=named)), token="t"), patience_s=1)
    text = str(caught.value)
    assert f"FATAL:  no such database: {unknown}" in text
    assert f"add an entry for {unknown} to its [databases]" in text
    assert "\n" not in text


@pytest.mark.long
def test_a_missing_database_is_made_through_the_pooler(
    server: Server, pooled: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_servers", {})
    name = f"missing_{os.getpid()}"
    made = server_module.open_server(settings(as_text(pooled.set(database=name)), token="t"))
    with connect(made.url) as connection:
        assert connection.execute("select current_database()").fetchone() == (name,)
    with connect(server.url) as connection:
        connection.execute(f"drop database {name} with (force)")


def test_settings_do_not_reach_the_next_user_of_a_connection(pooled_warehouse: Warehouse) -> None:
    shown = "select current_setting('statement_timeout'), pg_backend_pid()"
    with connect(pooled_warehouse.url) as plain:
        before = plain.execute(shown).fetchone()
        _ = pooled_warehouse.engine
        ours = {rows_of(pooled_warehouse, shown)[0] for _ in range(3)}
        after = {plain.execute(shown).fetchone() for _ in range(3)}
    assert {timeout for timeout, _ in ours} == {"30min"}
    assert {timeout for timeout, _ in after} == {before[0]} == {"0"}
    assert {pid for _, pid in ours} & {pid for _, pid in after}  # it was the same connection to the server


def test_every_session_is_in_utc_whatever_the_databases_default(pooled: sa.URL, database: sa.URL) -> None:
    shown = "select current_setting('timezone'), current_setting('datestyle'), current_setting('client_encoding')"
    with connect(database) as plain:
        for name, value in {
            "timezone": "Asia/Kolkata",
            "datestyle": "German, DMY",
            "client_encoding": "LATIN1",
        }.items():
            plain.execute(f"alter database {database.database} set {name} = '{value}'")
    url = render_url(pooled.set(database=database.database))
    with ExitStack() as stack:
        sessions = [stack.enter_context(closing(psycopg2.connect(url))).cursor() for _ in range(4)]
        for _ in range(2):
            for session in sessions:
                session.execute(shown)
            assert {session.fetchone() for session in sessions} == {("UTC", "ISO, MDY", "UTF8")}


def test_the_lock_excludes_names_its_holder_and_dies_with_it(pooled_warehouse: Warehouse) -> None:
    said: list[str] = []
    with lock_holder(pooled_warehouse) as holder:
        # Its connection to the server stays its own while the others share the rest.
        assert {rows_of(pooled_warehouse, "select 1")[0] for _ in range(10)} == {(1,)}
        waiting = wait_for_lock(pooled_warehouse, said)
        assert not waiting.done()
        holder.kill()
        waiting.result(timeout=PATIENCE_S)
    assert f"(tmdb-assets {holder.pid}, since 20" in said[0]
