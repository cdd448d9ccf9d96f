"""What `tmdb-assets doctor` looks at: what is set up, what can be reached, what is wrong, and what to do about it.

Each look is a function that returns findings and never raises: what it cannot find out is a finding too. Nothing is
changed but what opening the warehouse does anyway (the embedded server starts, the schema is brought up to date).
"""

from __future__ import annotations

import datetime as dt
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import requests
import sqlalchemy as sa

from tmdb_assets import partitions
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.orchestration.gaps import counted_from, find_gaps
from tmdb_assets.settings import DATA_DIR, DEFAULT_API_URL, Settings
from tmdb_assets.tmdb.client import TmdbClient
from tmdb_assets.tmdb.errors import TmdbError
from tmdb_assets.tmdb.export.download import export_name
from tmdb_assets.warehouse.ledger.exports import loaded_days
from tmdb_assets.warehouse.loading.latest_state import NEWEST_DAY
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.upgrade import SchemaMismatchError, find_version
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, first_line
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse

State = Literal["ok", "note", "wrong"]
LEAST_FREE_GB, FEW_FREE_GB = 1, 5
LEAST_POSTGRES = 15
CLOCK_TOLERANCE_S = 60
TIMEOUT_S = 10
HEARTBEAT_S = 120  # a daemon tells every half minute that it lives
DAEMON_PARTS = ("SCHEDULER", "SENSOR")


@dataclass(frozen=True)
class Finding:
    """One line of the report; `wrong` makes the exit code 1, a `note` is for information."""

    state: State
    what: str
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order in which one would ask, each as soon as it is known."""
    yield python_version()
    yield packages()
    yield disk()
    yield from source(settings)
    warehouse = Warehouse(settings=settings)
    try:
        yield from looks_at_database(warehouse)
    finally:
        warehouse.close()


def python_version() -> Finding:
    """The interpreter."""
    return Finding("ok", "Python", f"{platform.python_version()} on {platform.platform(terse=True)}")


def packages() -> Finding:
    """The installed releases of the package and of Dagster."""
    try:
        return Finding("ok", "Packages", f"tmdb-assets {version('tmdb-assets')}, Dagster {version('dagster')}")
    except PackageNotFoundError as missing:
        return Finding(
            "wrong", "Packages", f"{missing.name} is not installed. Install it: make run, or pip install -e ."
        )


def disk() -> Finding:
    """Free space where the embedded Postgres and Dagster's logs lie."""
    place = next(folder for folder in (DATA_DIR, *DATA_DIR.parents) if folder.exists())
    free_gb = shutil.disk_usage(place).free / 1e9
    text = f"{free_gb:.1f} GB free for {DATA_DIR}"
    if free_gb < LEAST_FREE_GB:
        return Finding("wrong", "Disk", f"{text}. Make room: a load that finds none fails.")
    return Finding("note" if free_gb < FEW_FREE_GB else "ok", "Disk", text)


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
        client.get("/configuration/languages")
        yield Finding("ok", "TMDb", f"{_host_of(settings.tmdb_api_url)} answers and takes the token")
    except TmdbError as error:
        yield Finding("wrong", "TMDb", str(error))
    finally:
        client.close()
    yield from _exports(settings)


def _host_of(url: str) -> str:
    return "api.themoviedb.org" if url == DEFAULT_API_URL else url.split("//", 1)[-1].split("/", 1)[0].split("@")[-1]


def _exports(settings: Settings) -> Iterator[Finding]:
    """Whether yesterday's id export is there; its answer tells the time, too."""
    day = partitions.today() - dt.timedelta(days=1)
    url = f"{settings.export_url}/{export_name(day)}"
    try:
        # Not HEAD, which not every mirror answers: the file is not read beyond its head either way.
        with requests.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
            status, told = answer.status_code, answer.headers.get("Date")
    except requests.RequestException as error:
        text = f"{_host_of(settings.export_url)} cannot be reached ({type(error).__name__}). Check the network and "
        yield Finding("wrong", "Exports", text + "TMDB_EXPORT_URL: without exports no past day can be loaded.")
        yield clock(None, partitions.now())
        return
    if status == requests.codes.ok:
        yield Finding("ok", "Exports", f"the id export of {day} is there")
    else:
        text = f"the id export of {day} is not to be had (status {status}); check TMDB_EXPORT_URL"
        yield Finding("wrong", "Exports", text)
    yield clock(told, partitions.now())


def clock(told: str | None, now: dt.datetime) -> Finding:
    """The clock of this machine against the `Date` of an answer (RFC 9110, 6.6.1)."""
    try:
        off = (now - parsedate_to_datetime(told or "")).total_seconds()
    except (TypeError, ValueError):
        return Finding("note", "Clock", f"{now:%Y-%m-%d %H:%M} UTC; no server told a time to compare with")
    if abs(off) <= CLOCK_TOLERANCE_S:
        return Finding("ok", "Clock", f"{now:%Y-%m-%d %H:%M} UTC")
    which = "fast" if off > 0 else "slow"
    return Finding("wrong", "Clock", f"{abs(off):.0f} s {which}: days are named by it. Set it, best by NTP.")


def looks_at_database(warehouse: Warehouse) -> Iterator[Finding]:
    """All that the database tells, or the one reason why it cannot be opened."""
    try:
        engine = warehouse.engine
    except (WarehouseUnavailableError, SchemaMismatchError, sa.exc.DBAPIError) as error:
        yield Finding("wrong", "Warehouse", first_line(getattr(error, "orig", error)))
        return
    looks: dict[str, Callable[[sa.Connection], Finding]] = {
        "Warehouse": server_version,
        "Schema": schema,
        "Rights": rights,
        "Newest day": newest_day,
        "Gaps": partial(gaps, first_day=warehouse.settings.tmdb_first_day),
    }
    with engine.connect() as connection:
        for name, look in looks.items():
            try:
                finding = look(connection)
            except sa.exc.DBAPIError as error:
                connection.rollback()
                finding = Finding("wrong", name, first_line(error.orig or error))
            yield finding
    from dagster import DagsterError

    try:
        yield from dagster_services()
    except (sa.exc.DBAPIError, ActionableError, DagsterError) as error:
        yield Finding("wrong", "Dagster", first_line(getattr(error, "orig", error)))


def server_version(connection: sa.Connection) -> Finding:
    """Which Postgres it is, and how large the database."""
    told, number, size = connection.execute(
        sa.text(
            "select current_setting('server_version'), current_setting('server_version_num')::integer, "
            "pg_size_pretty(pg_database_size(current_database()))"
        )
    ).one()
    text = f"Postgres {told} at {describe(connection.engine.url)}, {size}"
    if number < LEAST_POSTGRES * 10_000:
        return Finding("wrong", "Warehouse", f"{text}. Move it to Postgres {LEAST_POSTGRES} or later.")
    return Finding("ok", "Warehouse", text)


def schema(connection: sa.Connection) -> Finding:
    """The newest migration that the database has taken."""
    found = find_version(connection)
    if found == HEAD:
        return Finding("ok", "Schema", f"at step {found}, the newest that this release knows")
    return Finding("wrong", "Schema", f"at step {found}, this release needs {HEAD}: tmdb-assets migrate")


def rights(connection: sa.Connection) -> Finding:
    """Whether this role can load days, and whether readers have a role with no more than this release's rights."""
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
    if has_reader and is_former:
        return Finding(
            "note",
            "Rights",
            f"{user} may load days; tmdb_reader may make temporary tables: tmdb-assets migrate --roles",
        )
    readers = (
        "tmdb_reader is there for dashboards" if has_reader else "no role tmdb_reader: tmdb-assets migrate --roles"
    )
    return Finding("ok", "Rights", f"{user} may load days; {readers}")


def newest_day(connection: sa.Connection) -> Finding:
    """How fresh the facts are."""
    newest: dt.date | None = connection.scalar(sa.text(NEWEST_DAY))
    today = partitions.today()
    if newest is None:
        return Finding("note", "Newest day", "none is loaded yet: tmdb-assets run")
    if newest >= today - dt.timedelta(days=1):
        return Finding("ok", "Newest day", f"{newest}, today is {today} (UTC)")
    return Finding(
        "wrong", "Newest day", f"{newest}, today is {today} (UTC): tmdb-assets run, and see the daemon below"
    )


def gaps(connection: sa.Connection, first_day: dt.date) -> Finding:
    """Days between the first and yesterday that have no facts, as far back as exports are kept."""
    loaded = loaded_days(connection)
    if not loaded:
        return Finding("note", "Gaps", "nothing to count yet")
    today = partitions.today()
    found = find_gaps(connection, first_day, today)
    missing = [gap.day for gap in found if not gap.is_loaded]
    if not missing:
        text = f"no day is missing since {counted_from(loaded, first_day, today)}"
        if not found:
            return Finding("ok", "Gaps", text)
        first, last = found[0].day, found[-1].day
        text += f"; {len(found)} without the export, the first {first}: "
        return Finding("note", "Gaps", f"{text}tmdb-assets backfill --refresh --from {first} --to {last}")
    many = f"{len(missing)} days are missing, the first {missing[0]}, the last {missing[-1]}: "
    text = many if len(missing) > 1 else f"{missing[0]} is missing: "
    return Finding("wrong", "Gaps", f"{text}tmdb-assets backfill --from {missing[0]} --to {missing[-1]}")


def dagster_services() -> Iterator[Finding]:
    """Dagster's own storage, and whether the daemon that fires the schedule is alive."""
    from tmdb_assets.instance.launcher import close_dead_runs
    from tmdb_assets.instance.opening import open_instance

    with open_instance() as instance:
        closed = close_dead_runs(instance)
        runs = instance.get_runs_count()
        text = f"runs stored: {runs}"
        yield Finding(
            "ok", "Dagster", text + (f"; {len(closed)} whose process died are now marked as failed" if closed else "")
        )
        beats = instance.get_daemon_heartbeats()
    yield daemon({name: beat.timestamp for name, beat in beats.items()}, partitions.now())


def daemon(beats: Mapping[str, float], now: dt.datetime) -> Finding:
    """Whether the parts of the daemon that fire the schedule and fill gaps are alive.

    `beats` tells when each part last said so, in seconds since 1970, by Dagster's name of it.
    """
    last = min(beats.get(name, 0.0) for name in DAEMON_PARTS)
    if now.timestamp() - last < HEARTBEAT_S:
        return Finding("ok", "Daemon", "alive: the schedule fires at 09:00 UTC and gaps are filled")
    since = f" since {dt.datetime.fromtimestamp(last, dt.UTC):%Y-%m-%d %H:%M} UTC" if last else ""
    return Finding("note", "Daemon", f"not running{since}: the schedule does not fire. tmdb-assets dev starts it")
