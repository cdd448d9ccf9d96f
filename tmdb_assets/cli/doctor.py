"""The findings of `tmdb-assets doctor`: what is set up, what is reachable, what is wrong, and what to do about it.

Every check returns findings and never raises: a failure to find out is a finding too. Nothing changes except what
opening the warehouse does anyway (the embedded server starts, the schema is migrated).
"""

from __future__ import annotations

import datetime as dt
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import requests
import sqlalchemy as sa
from dagster import DagsterInstance

from tmdb_assets import partitions
from tmdb_assets.cli.finding import Finding, State, reported
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.instance.cancelled import cancelled_days, runs_by_day
from tmdb_assets.instance.launcher import HEARTBEAT_S
from tmdb_assets.orchestration.gaps import counted_from, describe_cancelled, describe_days, find_gaps
from tmdb_assets.settings import DATA_DIR, DEFAULT_API_URL, Settings
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import export_name
from tmdb_assets.tmdb.transport import ends_at, open_session
from tmdb_assets.warehouse.export.folder import require_place
from tmdb_assets.warehouse.ledger.exports import loaded_days
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.upgrade import find_version
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse

LEAST_FREE_GB, FEW_FREE_GB = 1, 5
LEAST_POSTGRES = 15
CLOCK_TOLERANCE_S = 60
TIMEOUT_S = 10
TRIAL = "insert into applied_sql (name, sha256) values ('trial of doctor', '')"  # taken back at once
DAEMON_PARTS = ("SCHEDULER", "SENSOR")


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, each as soon as it is known: machine, TMDb, warehouse, Dagster."""
    warehouse = Warehouse(settings=settings)
    try:
        yield from reported("Releases", releases)
        yield from reported("Disk", disk)
        if (folder := settings.export_folder) is not None:
            yield from reported("Parquet", lambda: export_folder(folder))
        yield from reported("TMDb", lambda: source(settings))
        yield from database(warehouse)
    finally:
        warehouse.close()


def releases() -> Finding:
    """The releases of the package, Dagster and Python."""
    text = f"tmdb-assets {version('tmdb-assets')}, Dagster {version('dagster')}, Python {platform.python_version()}"
    return Finding("ok", "Releases", f"{text} on {platform.platform(terse=True)}")


def disk() -> Finding:
    """Free space for the embedded Postgres and Dagster's logs."""
    place = next(folder for folder in (DATA_DIR, *DATA_DIR.parents) if folder.exists())
    free_gb = shutil.disk_usage(place).free / 1e9
    text = f"{free_gb:.1f} GB free for {DATA_DIR}"
    if free_gb < LEAST_FREE_GB:
        return Finding("wrong", "Disk", f"{text}. Free some: a load fails when the disk is full.")
    return Finding("note" if free_gb < FEW_FREE_GB else "ok", "Disk", text)


def export_folder(folder: Path) -> Finding:
    """Whether EXPORT_DIR, or the folder in which it will be made, can be written."""
    try:
        require_place(folder)
        place = next(each for each in (folder, *folder.parents) if each.exists())
        with tempfile.TemporaryFile(dir=place):  # rights, and a file system that is read-only
            pass
    except (OSError, ActionableError) as error:
        what = error.problem.what if isinstance(error, ActionableError) else f"{folder} cannot be written"
        why = f" ({error.strerror})" if isinstance(error, OSError) else ""
        return Finding("wrong", "Parquet", f"{what}{why}. Change EXPORT_DIR, or unset it")
    made = "" if folder.exists() else "; the first run makes it"
    return Finding("ok", "Parquet", f"each run exports the tables to {folder}{made}")


def source(settings: Settings) -> Iterator[Finding]:
    """Token, API, exports and clock; the sandbox needs none of them."""
    if settings.tmdb_token is None:
        yield Finding("note", "TMDb", "no TMDB_TOKEN is set: the sandbox answers, with SAMPLE figures")
        return
    client = TmdbClient(
        settings.tmdb_api_url,
        settings.tmdb_token.get_secret_value(),
        rate_limit=settings.tmdb_rate_limit,
        retry_seconds=TIMEOUT_S,
    )
    try:
        client.reference("/configuration/languages")
        yield Finding("ok", "TMDb", f"{_host_of(settings.tmdb_api_url)} answers and accepts the token")
    except TmdbError as error:
        yield Finding("wrong", "TMDb", str(error))
    finally:
        client.close()
    yield from _exports(settings)


def _host_of(url: str) -> str:
    return "api.themoviedb.org" if url == DEFAULT_API_URL else url.split("//", 1)[-1].split("/", 1)[0].split("@")[-1]


def _exports(settings: Settings) -> Iterator[Finding]:
    """Whether yesterday's id export is published; the answer's `Date` checks the clock."""
    day = partitions.today() - dt.timedelta(days=1)
    url = f"{settings.export_url}/{export_name(day)}"
    try:
        # Not every mirror answers HEAD; with `stream` the body is not read.
        with (
            open_session() as session,
            ends_at(time.monotonic, time.monotonic() + 2 * TIMEOUT_S),
            session.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer,
        ):
            status, date = answer.status_code, answer.headers.get("Date")
    except OSError as error:  # requests' own, and that a file of certificates is missing
        text = f"{_host_of(settings.export_url)} cannot be reached ({type(error).__name__}). Check the network and "
        yield Finding("wrong", "Exports", text + "TMDB_EXPORT_URL: without exports no past day can be loaded.")
        yield clock(None, partitions.now())
        return
    if status == requests.codes.ok:
        yield Finding("ok", "Exports", f"the id export of {day} is available")
    else:
        text = f"the id export of {day} is not available (status {status}); check TMDB_EXPORT_URL"
        yield Finding("wrong", "Exports", text)
    yield clock(date, partitions.now())


def clock(date: str | None, now: dt.datetime) -> Finding:
    """Compare this machine's clock with the `Date` of an answer (RFC 9110, 6.6.1)."""
    try:
        off = (now - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return Finding("note", "Clock", f"{now:%Y-%m-%d %H:%M} UTC; no server sent a time to compare with")
    if abs(off) <= CLOCK_TOLERANCE_S:
        return Finding("ok", "Clock", f"{now:%Y-%m-%d %H:%M} UTC")
    which = "fast" if off > 0 else "slow"
    return Finding("wrong", "Clock", f"{abs(off):.0f} s {which}, and days are named by it. Set it, preferably by NTP.")


def database(warehouse: Warehouse) -> Iterator[Finding]:
    """Everything about the database, or the one reason why it cannot be opened."""
    yield from reported("Warehouse", lambda: _tables_and_services(warehouse))


def _tables_and_services(warehouse: Warehouse) -> Iterator[Finding]:
    checks: dict[str, Callable[[sa.Connection], Finding]] = {
        "Warehouse": server_version,
        "Schema": schema,
        "Rights": rights,
        "Newest day": newest_day,
    }
    with warehouse.engine.connect() as connection:
        for name, check in checks.items():
            yield from reported(name, partial(check, connection))
            connection.rollback()  # after an error the transaction accepts nothing more
        services = partial(dagster_services, connection, warehouse.settings.tmdb_first_day)
        yield from reported("Dagster", services)


def server_version(connection: sa.Connection) -> Finding:
    """The release of Postgres, and the size of the database."""
    release, number, size = connection.execute(
        sa.text(
            "select current_setting('server_version'), current_setting('server_version_num')::integer, "
            "pg_size_pretty(pg_database_size(current_database()))"
        )
    ).one()
    text = f"Postgres {release} at {describe(connection.engine.url)}, {size}"
    if number < LEAST_POSTGRES * 10_000:
        return Finding("wrong", "Warehouse", f"{text}. Move it to Postgres {LEAST_POSTGRES} or later.")
    return Finding("ok", "Warehouse", text)


def schema(connection: sa.Connection) -> Finding:
    """The newest migration applied to the database."""
    found = find_version(connection)
    if found == HEAD:
        return Finding("ok", "Schema", f"at step {found}, the newest of this release")
    return Finding("wrong", "Schema", f"at step {found}, this release needs {HEAD}: tmdb-assets migrate")


def rights(connection: sa.Connection) -> Finding:
    """Whether this role can load days, and whether the readers' role exists with no more than its rights."""
    user, may_write, has_reader, is_former = connection.execute(
        sa.text(
            "select current_user, has_table_privilege('fact_movie_daily', 'insert, update, delete') and "
            "has_function_privilege('ensure_partition(text, text, date)', 'execute'), "
            "exists (select from pg_roles where rolname = 'tmdb_reader'), "
            "has_database_privilege('public', current_database(), 'temporary')"
        )
    ).one()
    if not may_write:
        return Finding("wrong", "Rights", f"{user} may not load days: grant tmdb_loader to {user} (sql/roles.sql)")
    with connection.begin_nested() as trial:  # a full disk is noticed only by writing
        connection.execute(sa.text(TRIAL))
        trial.rollback()
    readers = "tmdb_reader exists for dashboards"
    if not has_reader:
        readers = "no role tmdb_reader: tmdb-assets migrate --roles"
    elif is_former:
        readers = "tmdb_reader may create temporary tables: tmdb-assets migrate --roles"
    return Finding("note" if has_reader and is_former else "ok", "Rights", f"{user} may load days; {readers}")


def newest_day(connection: sa.Connection) -> Finding:
    """How recent the facts are."""
    newest, today = max(loaded_days(connection), default=None), partitions.today()
    if newest is None:
        return Finding("note", "Newest day", "none is loaded yet: tmdb-assets run")
    text = f"{newest}, today is {today} (UTC)"
    if newest >= today - dt.timedelta(days=1):
        return Finding("ok", "Newest day", text)
    return Finding("wrong", "Newest day", f"{text}: tmdb-assets run, and see the daemon below")


def gaps(
    connection: sa.Connection, instance: DagsterInstance, first_day: dt.date, *, daemon_runs: bool
) -> Iterator[Finding]:
    """Days between the first loaded one and yesterday without facts, tables or export; who loads them."""
    loaded = loaded_days(connection)
    if not loaded:
        yield Finding("note", "Gaps", "no day is loaded yet")
        return
    today = partitions.today()
    found = [gap for gap in find_gaps(connection, first_day, today) if not gap.lacks_films]
    waiting = sorted(cancelled_days(instance, runs_by_day(instance, [gap.day for gap in found]), partitions.now()))
    if waiting:
        yield Finding("note", "Gaps", f"the daemon does not load {describe_cancelled(waiting)}")
    due = [gap for gap in found if gap.day not in waiting]
    state: State = "note" if daemon_runs else "wrong"
    if behind := [gap.day for gap in due if gap.is_behind]:
        text = f"not every table was made of the answers of {describe_days(behind)}, as a run ended before"
        text += "; the daemon does so without a request, or at once" * daemon_runs
        yield Finding(state, "Gaps", f"{text}: tmdb-assets backfill --from {behind[0]} --to {behind[-1]}")
    due = [gap for gap in due if not gap.is_behind]
    missing = [gap.day for gap in due if not gap.is_loaded]
    if missing:
        text = f"{missing[0]} is missing"
        if len(missing) > 1:
            text = f"{len(missing)} days are missing, the first {missing[0]}, the last {missing[-1]}"
        text += "; the daemon loads what is published, or at once" * daemon_runs
        yield Finding(state, "Gaps", f"{text}: tmdb-assets backfill --from {missing[0]} --to {missing[-1]}")
    elif due:
        first, last = due[0].day, due[-1].day
        text = f"no day is missing since {counted_from(loaded, first_day, today)}"
        text += f"; {len(due)} without the export, the first {first}"
        text += ", which the daemon loads, or at once" * daemon_runs
        yield Finding("note", "Gaps", f"{text}: tmdb-assets backfill --refresh --from {first} --to {last}")
    elif not found:
        yield Finding("ok", "Gaps", f"no day is missing since {counted_from(loaded, first_day, today)}")


def dagster_services(connection: sa.Connection, first_day: dt.date) -> Iterator[Finding]:
    """Gaps, Dagster's own storage, and whether the daemon that fires the schedule is running."""
    from tmdb_assets.instance.launcher import close_dead_runs
    from tmdb_assets.instance.opening import open_instance

    with open_instance() as instance:
        closed = close_dead_runs(instance)
        text = f"runs stored: {instance.get_runs_count()}"
        text += f"; {len(closed)} whose process died are now marked as failed" if closed else ""
        beats = instance.get_daemon_heartbeats()
        running = daemon({name: beat.timestamp for name, beat in beats.items()}, partitions.now())
        yield from gaps(connection, instance, first_day, daemon_runs=running.state == "ok")
        yield Finding("ok", "Dagster", text)
    yield running


def daemon(beats: Mapping[str, float], now: dt.datetime) -> Finding:
    """Whether the parts of the daemon that fire the schedule and fill gaps are running.

    `beats`: Dagster's name of each part -> its last heartbeat, in seconds since 1970.
    """
    last = min(beats.get(name, 0.0) for name in DAEMON_PARTS)
    if now.timestamp() - last < HEARTBEAT_S:
        return Finding("ok", "Daemon", "running: the schedule fires at 09:00 UTC and gaps are filled")
    since = f" since {dt.datetime.fromtimestamp(last, dt.UTC):%Y-%m-%d %H:%M} UTC" if last else ""
    return Finding("note", "Daemon", f"not running{since}: the schedule does not fire. tmdb-assets dev starts it")
