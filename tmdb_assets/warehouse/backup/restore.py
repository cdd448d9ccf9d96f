"""Restore the warehouse from a backup: its rows go into a new database, which then takes the warehouse's name.

Meanwhile others keep reading the former database; any failure leaves it in place.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tmdb_assets.warehouse.backup.archive import read_archive, require_warehouse
from tmdb_assets.warehouse.backup.dump import (
    CORE_TABLES,
    TABLES,
    Counts,
    open_session,
    plain_errors,
)
from tmdb_assets.warehouse.backup.fill import OWN_NOTES, fill, list_objects
from tmdb_assets.warehouse.backup.programs import RefusedError, find_program
from tmdb_assets.warehouse.backup.successor import hand_over, successor, take_name
from tmdb_assets.warehouse.ledger.fetch_lock import FETCH_LOCK, find_holder
from tmdb_assets.warehouse.schema.migrations import DROPPED_FUNCTIONS, DROPPED_TABLES
from tmdb_assets.warehouse.schema.roles import find_owner
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.server.engine import lock_schema
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, READER, describe

LOCK_WAIT = "30s"  # for a change of the schema to end
IN_USE = """
select application_name, pid,
    to_char(backend_start at time zone 'UTC', '", since" YYYY-MM-DD HH24:MI:SS "UTC"') as since
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
and starts_with(application_name, :name) and usename is distinct from :reader
order by backend_start
"""
NAMES = {"name": APPLICATION_NAME, "reader": READER}


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    counts: Counts
    former: str | None = None
    """New name of the former database if it still exists: kept for what others made in it, or not dropped yet."""
    others: tuple[str, ...] = ()
    """What others made in the former database, grants among it."""
    left_out: tuple[str, ...] = ()
    """Objects of the file that this release does not make; they were not restored."""


def restore(server: Server, file: Path, *, replace: bool = False) -> Restored:
    """Fill the warehouse from `file`; existing rows are dropped only with `replace`.

    Raises `BackupError`, and `RefusedError` where the file or the state of the warehouse does not allow it.
    """
    with plain_errors(server, "restore"), ExitStack() as stack:
        former = stack.enter_context(open_session(server, "restore"))
        archive = read_archive(find_program("pg_restore", former, connects=False), file)
        require_warehouse(archive, str(server.url.database))
        _take_locks(former, server)
        _require_no_rows(former, server, replace=replace)
        with successor(server, former) as (admin, new):
            counts, ours = fill(server.url.set(database=new), archive, find_owner(former))
            others = tuple(name for name in list_objects(former) if name not in ours)
            _require_idle(former, server)
            _require_no_rows(former, server, replace=replace)
            hand_over(server, former, new)
            stack.close()
            try:
                aside = take_name(admin, str(server.url.database), new, keep=bool(others))
            except psycopg.errors.ObjectInUse as error:
                raise RefusedError(
                    f"Others are reading {describe(server.url)} ({error.diag.message_detail})",
                    action="Let their queries end (tmdb-assets psql -c 'table pg_stat_activity' lists them)",
                ) from None
        dropped = {f"public.{name}" for name in DROPPED_TABLES} | {f"public.{name}()" for name in DROPPED_FUNCTIONS}
        left_out = sorted({*archive.objects} - ours - dropped)
        return Restored(counts, aside, others, tuple(left_out))


def _take_locks(former: sa.Connection, server: Server) -> None:
    """Take the locks of fetching and of schema changes. Raises `RefusedError` while another command is at work."""
    is_free = former.execute(sa.select(sa.func.pg_try_advisory_xact_lock(FETCH_LOCK))).scalar()
    holder = None if is_free else find_holder(former)
    if holder is not None and not holder.is_loader:
        raise RefusedError(
            f"The lock for requests to TMDb is held by {holder.role} (session {holder.pid}), which may not load days",
            action=f"End its session (select pg_terminate_backend({holder.pid});)",
        )
    _require_idle(former, server, is_free=bool(is_free))
    lock_schema(former, LOCK_WAIT)


def _require_idle(former: sa.Connection, server: Server, *, is_free: bool = True) -> None:
    """Raise `RefusedError` if a command of tmdb-assets other than a reader is connected, or a run fetches."""
    former.execute(sa.select(sa.func.pg_stat_clear_snapshot()))  # else the transaction sees the sessions of its start
    sessions = former.execute(sa.text(IN_USE), NAMES).all()
    if sessions or not is_free:
        named = ", ".join(f"{row.application_name} (session {row.pid}{row.since or ''})" for row in sessions)
        raise RefusedError(
            f"The warehouse at {describe(server.url)} is in use by {named or 'a run that fetches from TMDb'}",
            action="Let it finish or stop it",
        )


def _require_no_rows(former: sa.Connection, server: Server, *, replace: bool) -> None:
    """Raise `RefusedError` if a table of ours has rows, unless they are to be replaced."""
    if replace:
        return
    present = {*former.execute(sa.text(TABLES)).scalars()} & {*metadata.tables} - OWN_NOTES
    for name in sorted(present, key=lambda name: (name not in CORE_TABLES, name)):
        if former.execute(sa.select(sa.exists().select_from(sa.table(name, schema="public")))).scalar():
            raise RefusedError(
                f"The warehouse at {describe(server.url)} holds rows (in {name})",
                action="Add --replace to drop them for those of the file, after a tmdb-assets backup if you need them",
            )
