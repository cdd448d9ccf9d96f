"""The connections of a process: bounded, named, with waits that end, and nothing that outlives a transaction."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from typing import Any

import psycopg
import psycopg2
import pytest
import sqlalchemy as sa

from tmdb_assets.errors.problem import Retry
from tmdb_assets.warehouse import warehouse as warehouse_module
from tmdb_assets.warehouse.schema.dimensions import dim_genre
from tmdb_assets.warehouse.server.databases import driver_problem, is_outage
from tmdb_assets.warehouse.server.engine import make_engine
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.stage.postgres import connect

SHOWN = "select current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('timezone')"


def test_a_process_has_at_most_five_connections_under_its_name(warehouse: Warehouse) -> None:
    warehouse.engine.pool._timeout = 0.1  # how long a sixth waits for one to be given back; by default 30 s
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(warehouse.begin())
        with pytest.raises(sa.exc.TimeoutError), warehouse.begin():
            pytest.fail("a sixth connection was opened")
        with connect(warehouse.url) as watcher:
            query = "select count(*) from pg_stat_activity where datname = current_database() and application_name = %s"
            assert watcher.execute(query, [f"tmdb-assets {os.getpid()}"]).fetchone() == (5,)
    assert rows_of(warehouse, "select 1") == [(1,)]


def test_settings_end_with_their_transaction(warehouse: Warehouse) -> None:
    assert rows_of(warehouse, SHOWN) == [("30min", "10min", "UTC")]
    with connect(warehouse.url) as plain:
        of_the_server = plain.execute(SHOWN).fetchone()
    with warehouse.engine.connect() as connection:
        session = connection.connection.driver_connection
        assert session is not None
        assert session.execute(SHOWN).fetchone() == of_the_server
        session.rollback()


def test_a_transaction_has_its_own_settings_whatever_the_databases_defaults(database: sa.URL) -> None:
    defaults = {
        "default_transaction_isolation": "serializable",
        "search_path": "analytics, public",
        "timezone": "Asia/Kolkata",
        "datestyle": "German, DMY",
        "client_encoding": "LATIN1",
        "statement_timeout": "20s",
        "idle_in_transaction_session_timeout": "20s",
    }
    with connect(database) as plain:
        if plain.info.server_version >= 170_000:
            defaults["transaction_timeout"] = "20s"
        plain.execute("create schema analytics")
        for name, value in defaults.items():
            given = value if name == "search_path" else f"'{value}'"
            plain.execute(f"alter database {database.database} set {name} = {given}")
    warehouse = Warehouse(url=database)
    shown = {name: rows_of(warehouse, f"show {name.replace('default_', '')}")[0][0] for name in defaults}
    assert shown == {
        "default_transaction_isolation": "read committed",
        "search_path": "public",
        "timezone": "UTC",
        "datestyle": "ISO, MDY",
        "client_encoding": "UTF8",
        "statement_timeout": "30min",
        "idle_in_transaction_session_timeout": "0",
    } | ({"transaction_timeout": "0"} if "transaction_timeout" in defaults else {})
    # The tables were made where they belong, although another schema comes first in the database's own path.
    assert rows_of(warehouse, "select distinct schemaname::text from pg_tables where tablename = 'dim_movie'") == [
        ("public",)
    ]
    assert rows_of(warehouse, "select count(*) from pg_tables where schemaname = 'analytics'") == [(0,)]
    warehouse.close()


def test_a_statement_that_takes_too_long_is_cancelled(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse_module, "STATEMENT_TIMEOUT", "50ms")
    with pytest.raises(sa.exc.OperationalError) as caught:
        rows_of(warehouse, "select pg_sleep(20)")
    assert not is_outage(caught.value)  # to run the step again would last as long
    problem = driver_problem(caught.value, warehouse.url)
    assert problem is not None
    assert problem.what.endswith("stopped the work (canceling statement due to statement timeout)")
    assert problem.retry is Retry.LATER
    assert rows_of(warehouse, "select 1") == [(1,)]


def test_a_wait_for_a_lock_ends(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"lock table {dim_genre.name} in share mode"))
        holder = connection.execute(sa.text("select current_user::text, pg_backend_pid()")).one()
        monkeypatch.setattr(warehouse_module, "LOCK_TIMEOUT", "50ms")
        with pytest.raises(sa.exc.OperationalError) as caught, warehouse.begin() as second:
            second.execute(dim_genre.insert().values(genre_id=1, name="x"))
    assert not is_outage(caught.value)
    problem = driver_problem(caught.value, warehouse.url)
    assert problem is not None
    assert problem.what.endswith("stopped the work (canceling statement due to lock timeout)")
    assert problem.action is not None
    assert problem.action.startswith(f"Locks are held by {holder[0]} (session {holder[1]}): let these sessions end")


def test_a_connection_that_was_cut_is_replaced(warehouse: Warehouse) -> None:
    rows_of(warehouse, "select 1")
    with connect(warehouse.url) as plain:
        cut = plain.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).fetchall()
    assert (True,) in cut
    assert rows_of(warehouse, "select 1") == [(1,)]
    with pytest.raises(sa.exc.OperationalError) as caught:
        cut_own_connection(warehouse)
    assert is_outage(caught.value)


def test_an_error_of_a_statement_is_no_outage_and_that_of_a_lost_connection_is() -> None:
    """psycopg2 raises its base class where a connection ends within a statement: found by a trial."""
    lost = psycopg2.DatabaseError("server closed the connection unexpectedly")
    assert is_outage(lost)
    for kind in (psycopg2.DataError, psycopg2.IntegrityError, psycopg2.ProgrammingError, psycopg2.InternalError):
        assert not is_outage(kind("of a statement"))
    for error, is_lost in ((lost, True), (psycopg2.DataError("of a statement"), False)):
        wrapped = sa.exc.DatabaseError("select 1", {}, error)
        wrapped.__cause__ = error
        assert is_outage(wrapped) is is_lost


def cut_own_connection(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        cut(warehouse, connection.connection.driver_connection)
        connection.execute(sa.text("select 1"))


def cut(warehouse: Warehouse, session: Any) -> None:
    """End a session, as a server does that stops."""
    with connect(warehouse.url) as plain:
        plain.execute("select pg_terminate_backend(%s, 10000)", [session.info.backend_pid])


def test_neither_pool_nor_driver_logs_an_outage_that_is_an_error_anyway(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    lent = warehouse.engine.raw_connection()
    lent.cursor().execute("select 1")
    cut(warehouse, lent.driver_connection)
    lent.close()  # the pool resets it
    with warehouse.engine.connect() as connection:
        connection.exec_driver_sql("create temp table stage (text text)")
        session: Any = connection.connection.driver_connection
        with pytest.raises(psycopg.OperationalError) as caught:
            copy_during_an_outage(warehouse, session)
        connection.invalidate()
    assert is_outage(caught.value)
    assert caplog.messages == []


def copy_during_an_outage(warehouse: Warehouse, session: Any) -> None:
    with session.cursor().copy("copy stage from stdin") as copy:
        cut(warehouse, session)
        for _ in range(1000):
            copy.write_row(["x" * 10_000])


def test_what_is_no_outage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("psycopg", "sqlalchemy.pool.impl.QueuePool"):
        try:
            raise ValueError(name)
        except ValueError as error:
            logging.getLogger(name).exception("not reset")
            logging.getLogger(name).warning("ignored: %s", error)
    assert caplog.messages == ["not reset", "ignored: psycopg", "not reset", "ignored: sqlalchemy.pool.impl.QueuePool"]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize(
    ("query", "variable", "timeout"), [("", None, 10), ("?connect_timeout=60", None, "60"), ("", "60", None)]
)
def test_a_server_that_accepts_and_does_not_answer_is_not_waited_for_without_end(
    driver: str, query: str, variable: str | None, timeout: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(_dialect: object, _record: object, _given: object, named: dict[str, Any]) -> None:
        raise InterruptedError(named.get("connect_timeout"))

    if variable is not None:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", variable)
    engine = make_engine(sa.make_url(f"postgresql+{driver}://db.example/films{query}"))
    sa.event.listen(engine, "do_connect", note)
    with pytest.raises(InterruptedError) as caught:
        engine.connect()
    assert caught.value.args == (timeout,)
