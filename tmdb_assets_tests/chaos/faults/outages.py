"""Postgres goes away, ends sessions, locks tables, lets nobody in or writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tmdb_assets_tests.chaos.trial import Trial

LOCKED = ("dim_movie", "fact_movie_daily", "load_day", "raw_details", "popularity_total", "bridge_movie_genre")
LOCKED += ("fetch_log", "applied_sql", "vw_top_movies", "movie_history")
OURS = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and datname = %s"


def restarted(trial: Trial) -> None:
    """The server crashes, once to three times, and is back at once."""
    trial.stand_on_either()
    process = trial.start()
    for _ in range(trial.random.randint(1, 3)):
        if process.until_cpu(trial.pick_moment()):
            trial.ground.postgres.stop("immediate")
            trial.ground.postgres.start()
            trial.outcome.faults += 1
    trial.await_all()


def away(trial: Trial) -> None:
    """The server is away for up to ten seconds."""
    trial.stand_on_either()
    process = trial.start()
    if process.until_cpu(trial.pick_moment()):
        seconds = trial.random.uniform(1, 10)
        trial.note(seconds=round(seconds, 1))
        trial.ground.postgres.stop(trial.random.choice(["immediate", "fast"]))
        time.sleep(seconds)
        trial.ground.postgres.start()
        trial.outcome.faults += 1
    trial.await_all()


def sessions_ended(trial: Trial) -> None:
    """An administrator ends every session of the warehouse, or of all databases, up to four times."""
    trial.stand_on_either()
    process = trial.start()
    for _ in range(trial.random.randint(1, 4)):
        if process.until_cpu(trial.pick_moment()):
            names = [trial.database] if trial.random.randrange(2) else [trial.database, "dagster"]
            for name in names:
                trial.ground.postgres.rows("postgres", OURS, name)
            trial.outcome.faults += 1
    trial.await_all()


def locked(trial: Trial) -> None:
    """Another program locks a table or view for some seconds."""
    trial.stand_on_base()
    name, seconds = trial.random.choice(LOCKED), trial.random.uniform(3, 10)
    trial.note(table=name, seconds=round(seconds, 1))
    process = trial.start()
    if process.until_cpu(trial.pick_moment()):
        _hold(trial, f"lock table {name} in access exclusive mode", seconds)
        trial.outcome.faults += 1
    trial.await_all()


def read_for_long(trial: Trial) -> None:
    """A reader holds a snapshot and its locks until the run has ended."""
    trial.stand_on_base()
    reader = psycopg.connect(trial.ground.postgres.url(trial.database))
    reader.execute("set transaction isolation level repeatable read")
    reader.execute("select count(*) from fact_movie_daily, dim_genre")
    reader.execute("select count(*) from vw_top_movies")
    trial.outcome.faults += 1
    trial.start()
    trial.await_all()
    with suppress(psycopg.Error):
        reader.close()


def read_only(trial: Trial) -> None:
    """The server becomes read-only during the run, as after a failover, and is writable again after it."""
    trial.stand_on_base()
    process = trial.start()
    if process.until_cpu(trial.pick_moment()):
        trial.ground.postgres.run("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        trial.outcome.faults += 1
        seconds = trial.random.uniform(1, 8)
        process.until(_after(seconds))
    _make_writable(trial)
    trial.await_all()


def few_connections(trial: Trial) -> None:
    """Others hold all connections but a few."""
    trial.stand_on_base()
    postgres, left = trial.ground.postgres, trial.random.randint(0, 6)
    trial.note(left=left)
    most = int(postgres.rows("postgres", "show max_connections")[0][0])
    process = trial.start()
    process.until_cpu(trial.pick_moment())
    taken: list[psycopg.Connection[object]] = []
    with suppress(psycopg.Error):
        used = postgres.rows("postgres", "select count(*) from pg_stat_activity where backend_type = 'client backend'")
        taken.extend(psycopg.connect(postgres.url("postgres")) for _ in range(most - used[0][0] - left + 1))
    trial.outcome.faults += 1
    process.until(_after(trial.random.uniform(1, 5)))
    for connection in taken:
        connection.close()
    trial.await_all()


def _hold(trial: Trial, statement: str, seconds: float) -> None:
    def hold() -> None:
        with suppress(psycopg.Error), psycopg.connect(trial.ground.postgres.url(trial.database)) as connection:
            connection.execute(statement)
            time.sleep(seconds)
            connection.rollback()

    threading.Thread(target=hold, daemon=True).start()


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _make_writable(trial: Trial) -> None:
    with trial.ground.postgres.connected() as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute("alter system reset default_transaction_read_only")
        connection.execute("select pg_reload_conf()")
