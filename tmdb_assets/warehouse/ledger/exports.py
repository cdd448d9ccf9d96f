"""What the books hold of the id exports: the days that have theirs, and how many films were known when it was read.

Only films that are known are taken from an export. So a day that was loaded early lacks those that became known later,
until its export is read again.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.ledger import fetch_log as ledger
from tmdb_assets.warehouse.schema.fact import load_day
from tmdb_assets.warehouse.schema.raw import fetch_log, raw_export

KNOWN = "known films"  # the part whose row_count is the number of films that were known when the export was read

# The films that `fetch_log.known_films` and `fetch_log.discovered_films` give together.
KNOWN_NOW = """
select (select count(*) from dim_movie) + count(*)
from raw_discover as d
where d.snapshot_date = :day and not exists (select 1 from dim_movie as m where m.movie_id = d.movie_id)
"""


def note_known(connection: sa.Connection, day: dt.date, films: int, now: dt.datetime) -> None:
    """Note how many films were known when the day's export was read; in the transaction that stores it."""
    ledger.note_part(connection, day, "export", KNOWN, 0, films, now)


def count_later_films(connection: sa.Connection, day: dt.date) -> int:
    """How many films became known since the day's export was read: it may hold them, `raw_export` does not.

    Of an export read by a release that did not note it, every known film that was not in it counts.
    """
    noted = sa.select(fetch_log.c.row_count).where(
        fetch_log.c.snapshot_date == day, fetch_log.c.kind == "export", fetch_log.c.part == KNOWN
    )
    then = connection.scalar(noted)
    if then is None:
        then = ledger.count_rows(connection, raw_export, day)
    known = connection.scalar(sa.text(KNOWN_NOW), {"day": day}) or 0
    return max(0, known - then)


def loaded_days(connection: sa.Connection) -> dict[dt.date, bool]:
    """The days that have facts, each with whether its export is stored."""
    is_exported = sa.exists().where(
        fetch_log.c.snapshot_date == load_day.c.date_id,
        fetch_log.c.kind == "export",
        fetch_log.c.part == ledger.WHOLE,
        fetch_log.c.finished_at.is_not(None),
    )
    return {day: bool(exported) for day, exported in connection.execute(sa.select(load_day.c.date_id, is_exported))}
