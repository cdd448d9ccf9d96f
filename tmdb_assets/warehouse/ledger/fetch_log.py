"""Reads and writes `fetch_log` (by day and kind of request) and `fetch_slice` (by day and slice); queries raw rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.transforms.reference import Named
from tmdb_assets.warehouse.ledger import check_results
from tmdb_assets.warehouse.schema.dimensions import dim_movie
from tmdb_assets.warehouse.schema.raw import fetch_log, fetch_slice, raw_discover, raw_reference, rejected_row

# Why a page is in rejected_row.
UNREADABLE, UNANSWERED, DOUBTFUL = PAGE_RULES = ("page is readable", "page is answered", "page is believed")
Span = tuple[dt.date, dt.date]  # a slice of release dates: first and last date, both included


@dataclass
class Crawl:
    """The fetching of one kind for one day; the last four fields are of discover.

    `number` tells it from earlier ones of that day, before a refresh. Whoever opens it sets `is_complete` at its end.
    `page_count` is the highest number of pages that TMDb reported; 0 where unknown.
    """

    number: int
    is_complete: bool
    page_count: int = 0
    stored_pages: frozenset[int] = frozenset()
    is_whole_catalogue: bool = False
    listed_films: int = 0


def open_crawl(connection: sa.Connection, day: dt.date, kind: str, *, refresh: bool, now: dt.datetime) -> Crawl:
    """The day's crawl, begun now if there is none; with `refresh` it starts again from nothing.

    It becomes incomplete until it is closed. The day's requests so far stay counted. Raises `LookupError` where the row
    just written is gone.
    """
    again: dict[str, Any] = {"finished_at": None}
    if refresh:
        again |= {
            "started_at": now,
            "crawl_number": fetch_log.c.crawl_number + 1,
            "row_count": 0,
            "page_count": None,
            "stored_pages": [],
            "is_whole_catalogue": False,
            "known_film_count": None,
            "listed_film_count": None,
        }
        if kind == "discover":
            connection.execute(fetch_slice.delete().where(fetch_slice.c.snapshot_date == day))
    _write(connection, day, kind, {"started_at": now, "request_count": 0, "row_count": 0}, again)
    crawl = find_crawl(connection, day, kind)
    if crawl is None:
        raise LookupError(f"the crawl of {kind} for {day} is gone from fetch_log")
    return crawl


@dataclass
class Completed:
    """What the ledger says of a complete crawl, its slices included: the columns of their rows."""

    crawl: dict[str, Any]
    slices: list[dict[str, Any]]


def find_completed(connection: sa.Connection, day: dt.date, kind: str) -> Completed | None:
    """The day's crawl if it is complete, to be put back if a refresh of it cannot end."""
    complete = sa.select(fetch_log).where(_of(day, kind), fetch_log.c.finished_at.is_not(None))
    row = connection.execute(complete).mappings().one_or_none()
    if row is None:
        return None
    return Completed({**row}, [{**each} for each in connection.execute(_slices(day)).mappings()])


def put_back(connection: sa.Connection, day: dt.date, kind: str, former: Completed) -> None:
    """End a refresh with the crawl before it, whose rows are all there, some with newer figures.

    The requests sent since stay counted.
    """
    kept = {name: value for name, value in former.crawl.items() if name != "request_count"}
    connection.execute(fetch_log.update().where(_of(day, kind)).values(kept))
    if kind == "discover":
        connection.execute(fetch_slice.delete().where(fetch_slice.c.snapshot_date == day))
        if former.slices:
            connection.execute(fetch_slice.insert(), former.slices)
    close_crawl(connection, day, kind, former.crawl["finished_at"])


def find_crawl(connection: sa.Connection, day: dt.date, kind: str) -> Crawl | None:
    """The day's crawl; None if it never began."""
    row = connection.execute(sa.select(fetch_log).where(_of(day, kind))).one_or_none()
    if row is None:
        return None
    return Crawl(
        row.crawl_number,
        row.finished_at is not None,
        row.page_count or 0,
        frozenset(row.stored_pages),
        row.is_whole_catalogue,
        row.listed_film_count or 0,
    )


def find_usual_list(connection: sa.Connection, day: dt.date) -> tuple[dt.date, Crawl] | None:
    """The newest complete crawl of discover in the week before a day, and its day."""
    week = fetch_log.c.snapshot_date.between(day - dt.timedelta(days=7), day - dt.timedelta(days=1))
    complete = (fetch_log.c.kind == "discover") & fetch_log.c.finished_at.is_not(None)
    found = connection.scalar(sa.select(sa.func.max(fetch_log.c.snapshot_date)).where(week, complete))
    crawl = find_crawl(connection, found, "discover") if found else None
    return (found, crawl) if crawl else None


def count_fetched(
    connection: sa.Connection, day: dt.date, kind: str, *, requests: int, rows: int, are_new: bool = True
) -> None:
    """Add a batch's requests and rows to the day's crawl, in its transaction; tables are behind rows that `are_new`."""
    counts = {"request_count": fetch_log.c.request_count + requests, "row_count": fetch_log.c.row_count + rows}
    connection.execute(fetch_log.update().where(_of(day, kind)).values(counts))
    if rows and are_new:
        check_results.note_answers(connection, day, kind)


def close_crawl(connection: sa.Connection, day: dt.date, kind: str, finished_at: dt.datetime | None) -> None:
    """End a run's part of the day's crawl; with `finished_at` None it stays open for the next run.

    A complete discover crawl has read every page that failed before, so these are removed from `rejected_row`.
    """
    connection.execute(fetch_log.update().where(_of(day, kind)).values(finished_at=finished_at))
    if finished_at is not None and kind == "discover":
        rule = rejected_row.c.reasons[0]["rule"].astext
        of_day = sa.and_(rejected_row.c.table_name == raw_discover.name, rejected_row.c.snapshot_date == day)
        connection.execute(rejected_row.delete().where(of_day, rule.in_(PAGE_RULES)))


def note_pages(connection: sa.Connection, day: dt.date, pages: Collection[int], page_count: int, listed: int) -> None:
    """Note discover pages as stored, in the transaction that stores them, and how many there seem to be by now."""
    stored = fetch_log.c.stored_pages + sa.literal(sorted(pages), postgresql.JSONB)
    noted = {"stored_pages": stored, "page_count": page_count, "listed_film_count": listed}
    connection.execute(fetch_log.update().where(_of(day, "discover")).values(noted))


def note_short_list(connection: sa.Connection, day: dt.date, pages: int, *, due: int, films: int) -> None:
    """Note that discover's list should have `due` pages and `films` films, and that those after `pages` are missing."""
    crawl = find_crawl(connection, day, "discover")
    stored = sorted(page for page in (crawl.stored_pages if crawl else ()) if page <= pages)
    noted = {"page_count": due, "listed_film_count": films, "stored_pages": stored}
    connection.execute(fetch_log.update().where(_of(day, "discover")).values(noted))


def note_listed_films(connection: sa.Connection, day: dt.date, films: int, *, is_whole_catalogue: bool) -> None:
    """Note how many films TMDb lists, and whether every slice of release dates of the day is stored."""
    noted = {"listed_film_count": films, "is_whole_catalogue": is_whole_catalogue}
    connection.execute(fetch_log.update().where(_of(day, "discover")).values(noted))


def note_known_films(connection: sa.Connection, day: dt.date, films: int) -> None:
    """Note how many films were known when the day's export was read, in the transaction that stores it."""
    connection.execute(fetch_log.update().where(_of(day, "export")).values(known_film_count=films))


def note_list(
    connection: sa.Connection, day: dt.date, kind: str, *, requests: int, rows: int, now: dt.datetime
) -> None:
    """Note a reference list (genre, country or language) as stored, in the transaction that stores it."""
    counted = {"request_count": fetch_log.c.request_count + requests, "row_count": rows, "finished_at": now}
    first = {"started_at": now, "finished_at": now, "request_count": requests, "row_count": rows}
    _write(connection, day, kind, first, counted)


def note_changes(connection: sa.Connection, day: dt.date, now: dt.datetime, *, are_known: bool) -> None:
    """Note whether the lists of changes were read up to `day`; if not, a later day reads them from then on."""
    finished = {"finished_at": now if are_known else None}
    _write(connection, day, "changes", {"started_at": now, "request_count": 0, "row_count": 0, **finished}, finished)


def changes_known_until(connection: sa.Connection, day: dt.date) -> dt.date | None:
    """The newest day up to `day` for which all lists of changes were read; None if there is none."""
    known = (fetch_log.c.kind == "changes") & fetch_log.c.finished_at.is_not(None) & (fetch_log.c.snapshot_date <= day)
    found: dt.date | None = connection.scalar(sa.select(sa.func.max(fetch_log.c.snapshot_date)).where(known))
    return found


def list_date(connection: sa.Connection, kind: str) -> dt.date | None:
    """The day on which a reference list was last requested."""
    of_kind = sa.select(sa.func.max(fetch_log.c.snapshot_date)).where(fetch_log.c.kind == kind)
    requested: dt.date | None = connection.scalar(of_kind)
    return requested


def _write(connection: sa.Connection, day: dt.date, kind: str, first: dict[str, Any], again: dict[str, Any]) -> None:
    """Insert the row of a day and kind, or update it."""
    statement = postgresql.insert(fetch_log).values(snapshot_date=day, kind=kind, **first)
    connection.execute(statement.on_conflict_do_update(index_elements=("snapshot_date", "kind"), set_=again))


def _of(day: dt.date, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(fetch_log.c.snapshot_date == day, fetch_log.c.kind == kind)


def note_slice(
    connection: sa.Connection,
    day: dt.date,
    span: Span,
    pages: Collection[int],
    *,
    page_count: int,
    unseen: int,
    finished_at: dt.datetime | None,
) -> None:
    """Note pages of a slice as stored, in the transaction that stores them; it is finished with the last.

    `page_count` is the number of pages that TMDb reports; `unseen` the number of films that discover does not show,
    beyond page 500 of a single release date. A slice without a stored page is not noted: it is sliced again.
    """
    if not pages and finished_at is None:
        return
    statement = postgresql.insert(fetch_slice).values(
        snapshot_date=day,
        first_release_date=span[0],
        last_release_date=span[1],
        page_count=page_count,
        stored_pages=sorted(pages),
        unseen_film_count=unseen,
        finished_at=finished_at,
    )
    sent = statement.excluded
    again = {
        "page_count": sa.func.greatest(fetch_slice.c.page_count, sent.page_count),
        "stored_pages": fetch_slice.c.stored_pages + sent.stored_pages,
        "unseen_film_count": sa.func.greatest(fetch_slice.c.unseen_film_count, sent.unseen_film_count),
        "finished_at": sent.finished_at,
    }
    connection.execute(statement.on_conflict_do_update(constraint=fetch_slice.primary_key, set_=again))


def finished_slices(connection: sa.Connection, day: dt.date) -> set[Span]:
    """The slices of a day's whole catalogue that are stored."""
    found = connection.execute(_slices(day).where(fetch_slice.c.finished_at.is_not(None)))
    return {(row.first_release_date, row.last_release_date) for row in found}


def begun_slices(connection: sa.Connection, day: dt.date) -> dict[Span, tuple[int, set[int]]]:
    """The slices of which only some pages are stored, with their page count and the stored pages."""
    found = connection.execute(_slices(day).where(fetch_slice.c.finished_at.is_(None)))
    return {(row.first_release_date, row.last_release_date): (row.page_count, set(row.stored_pages)) for row in found}


def unseen_films(connection: sa.Connection, day: dt.date) -> int:
    """The number of films of a day's whole catalogue that are beyond page 500 of their release date."""
    counted = sa.select(sa.func.sum(fetch_slice.c.unseen_film_count)).where(fetch_slice.c.snapshot_date == day)
    return int(connection.scalar(counted) or 0)


def _slices(day: dt.date) -> sa.Select[Any]:
    return sa.select(fetch_slice).where(fetch_slice.c.snapshot_date == day)


def known_films(connection: sa.Connection) -> set[int]:
    """The ids of all known films."""
    return set(connection.scalars(sa.select(dim_movie.c.movie_id)))


def discovered_films(connection: sa.Connection, day: dt.date) -> set[int]:
    """The ids of a day's films in `raw_discover`."""
    return set(connection.scalars(sa.select(raw_discover.c.movie_id).where(raw_discover.c.snapshot_date == day)))


def has_slices(connection: sa.Connection, day: dt.date) -> bool:
    """Whether pages of slices of release dates are stored for a day."""
    return connection.scalar(sa.select(_slices(day).exists())) is True


def discovered_ranks(connection: sa.Connection, day: dt.date, crawl: int, span: Span | None = None) -> dict[int, int]:
    """The rank of each film of a day's crawl in `raw_discover`; with `span`, of those in this slice of release dates.

    The slice of all dates has films without one, too.
    """
    of_crawl = (raw_discover.c.snapshot_date == day) & (raw_discover.c.crawl_number == crawl)
    ranks = sa.select(raw_discover.c.movie_id, raw_discover.c.rank).where(of_crawl)
    if span is not None and span != (dt.date.min, dt.date.max):
        released = raw_discover.c.payload["release_date"].astext
        ranks = ranks.where(released.between(span[0].isoformat(), span[1].isoformat()))
    return {movie_id: rank for movie_id, rank in connection.execute(ranks)}  # noqa: C416 - mypy does not take rows


def read_reference(connection: sa.Connection, kind: str) -> dict[str, Named]:
    """A reference list by code."""
    columns = (raw_reference.c.code, raw_reference.c.name, raw_reference.c.fetched_date)
    rows = connection.execute(sa.select(*columns).where(raw_reference.c.kind == kind).order_by(raw_reference.c.code))
    return {code: Named(name, fetched_date) for code, name, fetched_date in rows}
