"""The fetch lock: one fetcher at a time over all processes; it blocks nothing else, and its loss is noticed."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.ledger import fetch_lock
from tmdb_assets.warehouse.ledger.fetch_lock import FETCH_LOCK, FetchLockLostError
from tmdb_assets.warehouse.server.databases import driver_problem, is_outage
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.stage.at_once import in_background, lock_holder, wait_for_lock
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until

OF_THE_LOCK = """
from pg_locks as l
inner join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.objid = :low and a.datname = current_database()
"""
LOW = FETCH_LOCK & 0xFFFFFFFF


def refuse(text: str) -> None:
    pytest.fail(f"nobody else fetches: {text}")


def end_holder(warehouse: Warehouse) -> None:
    """End the session that holds the lock, as a restart does."""
    with warehouse.engine.begin() as connection:
        ended = connection.scalars(sa.text(f"select pg_terminate_backend(a.pid, 10000) {OF_THE_LOCK}"), {"low": LOW})
        assert ended.all() == [True]


def test_one_fetcher_at_a_time_and_the_second_names_the_first(database: sa.URL) -> None:
    first, second = Warehouse(url=database), Warehouse(url=database)
    said: list[str] = []
    with first.fetch_lock(refuse):
        waiting = wait_for_lock(second, said)
        assert not waiting.done()
    waiting.result(timeout=PATIENCE_S)
    (text,) = said
    assert "tmdb-assets " in text  # the name under which a process connects
    assert ", since 20" in text
    assert text.startswith("Another run is requesting data for this warehouse")
    with first.fetch_lock(refuse):
        pass
    first.close()
    second.close()


def test_the_lock_is_released_after_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.fetch_lock(print):
        raise ZeroDivisionError
    held = "select count(*) from pg_locks where locktype = 'advisory' and objid = :low"
    assert rows_of(warehouse, held, low=LOW) == [(0,)]


def test_the_holder_named_is_one_of_this_database(server: Server, database: sa.URL) -> None:
    warehouse = Warehouse(url=database)
    _ = warehouse.engine
    databases = {"elsewhere": server.url, "right here": database, "nowhere": server.url.set(database="postgres")}
    engines = [
        sa.create_engine(url, connect_args={"application_name": name}, poolclass=sa.NullPool)
        for name, url in databases.items()
    ]
    held = [engine.connect() for engine in engines]
    for connection in held:
        connection.execute(sa.select(sa.func.pg_advisory_lock(FETCH_LOCK)))
    said: list[str] = []
    waiting = wait_for_lock(warehouse, said)
    for connection in held:
        connection.close()
    waiting.result(timeout=PATIENCE_S)
    assert "(right here, since" in said[0]
    warehouse.close()


def test_the_lock_dies_with_its_process(warehouse: Warehouse) -> None:
    said: list[str] = []
    with lock_holder(warehouse) as holder:
        waiting = wait_for_lock(warehouse, said)
        assert not waiting.done()
        holder.kill()
        waiting.result(timeout=PATIENCE_S)
    assert f"tmdb-assets {holder.pid}," in said[0]


def test_the_holder_holds_nothing_but_the_lock(warehouse: Warehouse) -> None:
    with warehouse.fetch_lock(refuse):
        # Neither a snapshot nor a transaction id: vacuum does not wait for it.
        query = f"select a.state, a.backend_xmin is null, a.backend_xid is null, l.mode {OF_THE_LOCK}"
        assert rows_of(warehouse, query, low=LOW) == [("idle in transaction", True, True, "ExclusiveLock")]
    assert rows_of(warehouse, f"select count(*) {OF_THE_LOCK}", low=LOW) == [(0,)]


def test_no_timeout_of_the_server_ends_the_holder(database: sa.URL) -> None:
    first = Warehouse(url=database)
    name = str(database.database)
    with first.begin() as connection:
        has_all = connection.scalar(sa.text("select count(*) from pg_settings where name = 'transaction_timeout'"))
        for setting in ("idle_in_transaction_session_timeout", *["transaction_timeout"] * has_all):
            connection.exec_driver_sql(f"alter database {name} set {setting} = '150ms'")
    first.close()
    held = Warehouse(url=database)
    _ = held.engine

    def is_old() -> bool:
        query = f"select clock_timestamp() - a.state_change > interval '300 ms' {OF_THE_LOCK}"
        return rows_of(held, query, low=LOW) == [(True,)]

    with held.fetch_lock(refuse):
        assert wait_until(is_old)
        held.require_fetch_lock()
    held.close()


def test_a_process_that_lost_the_lock_may_not_continue(warehouse: Warehouse) -> None:
    with warehouse.fetch_lock(refuse):
        warehouse.require_fetch_lock()
        end_holder(warehouse)
        with pytest.raises(FetchLockLostError) as caught:
            warehouse.require_fetch_lock()
        with pytest.raises(FetchLockLostError), warehouse.begin():
            pytest.fail("an answer fetched without the lock was stored")
        other = in_background(lambda: rows_of(warehouse, "select 1"))  # never had the lock, like a page of the UI
        assert other.result(timeout=PATIENCE_S) == [(1,)]
    assert is_outage(caught.value)
    problem = driver_problem(caught.value, warehouse.url)
    assert problem is not None
    assert "went away (the session that held the fetch lock has ended" in problem.what
    with warehouse.fetch_lock(refuse):
        assert rows_of(warehouse, f"select count(*) {OF_THE_LOCK}", low=LOW) == [(1,)]


def test_a_lock_lost_at_the_very_end_is_not_an_error(warehouse: Warehouse) -> None:
    with warehouse.fetch_lock(refuse):
        end_holder(warehouse)
    assert rows_of(warehouse, "select 1") == [(1,)]


def test_a_waiting_process_renews_its_snapshot(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_lock, "WAIT", "50ms")
    second = Warehouse(url=warehouse.url)
    began: set[object] = set()

    def has_begun_again() -> bool:
        began.update(rows_of(warehouse, f"select a.xact_start {OF_THE_LOCK} and not l.granted", low=LOW))
        return len(began) > 2

    with warehouse.fetch_lock(refuse):
        waiting = wait_for_lock(second, [])
        assert wait_until(has_begun_again)
        assert not waiting.done()
    waiting.result(timeout=PATIENCE_S)
    second.close()


def test_nobody_fetches_in_the_first_second_of_a_server(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    age_now = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float"
    (age,) = rows_of(warehouse, age_now)[0]
    monkeypatch.setattr(fetch_lock, "PAUSE_S", age + 0.5)
    with warehouse.fetch_lock(refuse):
        assert rows_of(warehouse, age_now)[0][0] >= age + 0.5
    # It sleeps for the rest of that time only, and not at all where the server is older.
    rest = fetch_lock.PAUSE_AFTER_START.replace("pg_sleep(", "(")
    assert rows_of(warehouse, rest, pause=age) == []
    assert 0 < rows_of(warehouse, rest, pause=age + 3600)[0][0] < 3600


def test_a_holder_that_postgres_hides(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = (  # as to a role without pg_read_all_stats
        "select null as application_name, null as state_change, 1 as pid, 'anna' as role, true as is_loader "
        "where :lock = :lock"
    )
    monkeypatch.setattr(fetch_lock, "HOLDER", hidden)
    monkeypatch.setattr(fetch_lock, "PAUSE_S", 0.0)
    second = Warehouse(url=warehouse.url)
    said: list[str] = []
    with warehouse.fetch_lock(refuse):
        waiting = wait_for_lock(second, said)
    waiting.result(timeout=PATIENCE_S)
    assert said[0].startswith("Another run is requesting data for this warehouse (of the role anna). Waiting;")
    second.close()


@pytest.mark.parametrize("cut_off", [False, True], ids=["ended", "cut off"])
def test_two_turns_are_a_second_apart_even_when_the_lock_is_free(
    cut_off: bool, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Warehouse(url=warehouse.url)
    _ = second.engine
    with warehouse.fetch_lock(refuse):
        if cut_off:  # as by a kill while fetching
            monkeypatch.setattr(fetch_lock, "END_TURN", "update fetch_turn set holder = :holder")
        last = time.monotonic()
    with second.fetch_lock(refuse):
        assert time.monotonic() - last >= 1
        last = time.monotonic()
    monkeypatch.undo()
    statements: list[str] = []
    sa.event.listen(second.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    with second.fetch_lock(refuse):  # its own requests are counted by its own rate limit
        assert [text for text in statements if text.startswith("select pg_sleep")] == []
        assert len(statements) >= 2
    with warehouse.fetch_lock(refuse):
        assert time.monotonic() - last >= 1
    second.close()


def test_a_limit_below_one_a_second_makes_a_longer_pause(warehouse: Warehouse) -> None:
    slow = Warehouse(url=warehouse.url, settings=Settings.load(tmdb_rate_limit=0.8))
    _ = slow.engine
    with warehouse.fetch_lock(refuse):
        last = time.monotonic()
    with slow.fetch_lock(refuse):
        assert time.monotonic() - last >= 1.25
    slow.close()
