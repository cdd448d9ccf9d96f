"""Loads, schemas and fetchers side by side: no deadlock, nothing twice, and one fetcher at a time."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row
from tmdb_assets.warehouse.loading.latest_state import keep_latest
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.ddl import apply_view, ensure_schema
from tmdb_assets.warehouse.schema.dimensions import dim_company, dim_date, dim_genre, dim_language, dim_movie
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import FETCH_LOCK, Warehouse
from tmdb_assets_tests.cases.sound_rows import as_frame, load_rows, rows_of

DAY = dt.date(2026, 7, 31)
PATIENCE_S = 20
HOLDER = """
import sys
import sqlalchemy as sa
from tmdb_assets.warehouse.warehouse import Warehouse

warehouse = Warehouse(url=sa.make_url(sys.argv[1]))
with warehouse.fetch_lock(print):
    print("held", flush=True)
    sys.stdin.read()
"""


def in_background(work: Callable[[], Any]) -> Future[Any]:
    """Start a work in a thread that does not hold up the end of the tests, even if it waits for ever."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def together(*works: Callable[[], Any]) -> list[Any]:
    """Run works at once, each in its own thread, and return what they return; their errors are raised here."""
    ready = threading.Barrier(len(works), timeout=PATIENCE_S)

    def run(work: Callable[[], Any]) -> Any:
        ready.wait()
        return work()

    futures = [in_background(lambda work=work: run(work)) for work in works]
    return [future.result(timeout=PATIENCE_S) for future in futures]


def wait_until_blocked(warehouse: Warehouse) -> None:
    """Return when a session of this database waits for a lock; every question is its own transaction."""
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=PATIENCE_S)
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    while rows_of(warehouse, query) == [(0,)]:
        assert dt.datetime.now(dt.UTC) < deadline, "no session came to wait for a lock"


def test_two_threads_bring_up_an_empty_database(database: sa.URL) -> None:
    warehouses = [Warehouse(url=database) for _ in range(3)]
    together(*(lambda made=made: made.engine for made in warehouses))
    assert rows_of(warehouses[0], "select count(*) from applied_sql") == [(1,)]
    together(*(lambda made=made: ensure_schema(made.engine) for made in warehouses))
    for made in warehouses:
        made.close()


def test_two_threads_apply_a_view(warehouse: Warehouse) -> None:
    def apply() -> bool:
        with warehouse.begin() as connection:
            return apply_view(connection, "vw_top_movies")

    _ = warehouse.engine
    assert True in together(apply, apply, apply)
    assert rows_of(warehouse, "select count(*) from applied_sql where name = 'vw_top_movies'") == [(1,)]


def test_a_month_is_made_by_two_threads_at_once(warehouse: Warehouse) -> None:
    load_rows(warehouse, dim_date, calendar_rows(2026, 2026))
    load_rows(warehouse, dim_movie, [{"movie_id": 1, "title": "x", "as_of_date": DAY}])

    def load_fact(day: dt.date) -> MergeCounts:
        fact = {"date_id": day, "movie_id": 1, "popularity": float(day.day), "source": "discover", "vote_count": 1}
        with warehouse.begin() as connection:
            loaded = load(connection, fact_movie_daily, [as_frame(fact_movie_daily, [fact])], day=day)
            keep_latest(connection, day)
        return loaded.counts

    days = [dt.date(2026, 7, 30), dt.date(2026, 7, 31), dt.date(2026, 8, 1), dt.date(2026, 8, 2)]
    assert together(*(lambda day=day: load_fact(day) for day in days)) == [MergeCounts(inserted=1)] * 4
    months = "select tableoid::regclass::text, count(*) from fact_movie_daily group by 1 order by 1"
    assert rows_of(warehouse, months) == [("fact_movie_daily_2026_07", 2), ("fact_movie_daily_2026_08", 2)]
    assert rows_of(warehouse, "select popularity, snapshot_date from movie_latest") == [(2.0, days[-1])]


def dimension_rows(table: sa.Table, day: dt.date, *, is_reversed: bool) -> list[Row]:
    key, count = table.columns[0].name, 300
    codes = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(count)]
    rows = [
        {key: codes[n] if table is dim_language else n + 1, "as_of_date": day, "name": f"{n} on {day}"}
        | ({"title": f"{n} on {day}"} if table is dim_movie else {})
        for n in range(count)
    ]
    return rows[::-1] if is_reversed else rows


def test_four_threads_load_overlapping_dimensions(warehouse: Warehouse) -> None:
    tables = [dim_genre, dim_company, dim_language, dim_movie]
    _ = warehouse.engine

    def load_days(number: int) -> None:
        for step in range(3):
            day = DAY + dt.timedelta(days=(number + step) % 4)
            with warehouse.begin() as connection:  # one transaction over all tables, rows in opposite orders
                for table in tables:
                    rows = dimension_rows(table, day, is_reversed=number % 2 == 1)
                    load(connection, table, [as_frame(table, rows)], day=day)

    together(*(lambda number=number: load_days(number) for number in range(4)))
    newest = DAY + dt.timedelta(days=3)
    for table in tables:
        name = "title" if table is dim_movie else "name"
        query = f"select count(*), count(*) filter (where {name} like :n), min(as_of_date) from {table.name}"
        assert rows_of(warehouse, query, n=f"% on {newest}") == [(300, 300, newest)]


def test_rows_that_another_load_inserts_meanwhile_are_not_counted_twice(warehouse: Warehouse) -> None:
    rows = [{"genre_id": n, "name": f"g{n}", "as_of_date": DAY} for n in range(1, 41)]
    with warehouse.begin() as connection:
        first = load(connection, dim_genre, [as_frame(dim_genre, rows)], day=DAY).counts
        second = in_background(lambda: load_rows(warehouse, dim_genre, rows, day=DAY))
        wait_until_blocked(warehouse)
    assert first == MergeCounts(inserted=40)
    assert second.result(timeout=PATIENCE_S).counts == MergeCounts(unchanged=40)


def test_one_fetcher_at_a_time_and_the_second_says_whom_it_waits_for(database: sa.URL) -> None:
    first, second = Warehouse(url=database), Warehouse(url=database)
    said: list[str] = []
    order: list[str] = []

    def fetch() -> None:
        with second.fetch_lock(said.append):
            order.append("second")

    with first.fetch_lock(lambda text: pytest.fail(f"nobody else fetches: {text}")):
        waiting = in_background(fetch)
        wait_until_blocked(first)
        order.append("first")
    waiting.result(timeout=PATIENCE_S)
    assert order == ["first", "second"]
    (text,) = said
    assert "tmdb-assets " in text  # the name under which a process connects
    assert ", since 20" in text
    assert text.startswith("Another run is asking TMDb for this warehouse")
    with first.fetch_lock(lambda text: pytest.fail(f"nobody else fetches: {text}")):
        pass
    first.close()
    second.close()


def test_the_lock_is_given_back_after_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.fetch_lock(print):
        raise ZeroDivisionError
    held = sa.text("select count(*) from pg_locks where locktype = 'advisory' and objid = :low")
    with warehouse.begin() as connection:
        assert connection.scalar(held, {"low": FETCH_LOCK & 0xFFFFFFFF}) == 0


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

    def wait() -> None:
        with warehouse.fetch_lock(said.append):
            pass

    waiting = in_background(wait)
    wait_until_blocked(warehouse)
    for connection in held:
        connection.close()
    waiting.result(timeout=PATIENCE_S)
    assert "(right here, since" in said[0]
    warehouse.close()


def test_the_lock_dies_with_its_process(warehouse: Warehouse) -> None:
    url = warehouse.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        taken = threading.Event()

        def fetch() -> None:
            with warehouse.fetch_lock(said.append):
                taken.set()

        waiting = in_background(fetch)
        wait_until_blocked(warehouse)
        assert not taken.is_set()
        holder.kill()
        waiting.result(timeout=PATIENCE_S)
    assert taken.is_set()
    assert f"tmdb-assets {holder.pid}," in said[0]
