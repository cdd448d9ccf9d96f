"""The books of fetching (`fetch_log`) and questions to the raw layer: what a day has, and what it still lacks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.transforms.reference import Named
from tmdb_assets.warehouse.schema.dimensions import dim_movie
from tmdb_assets.warehouse.schema.raw import fetch_log, raw_discover, raw_reference, rejected_row

PART_KEY = ("snapshot_date", "kind", "part")
WHOLE = "all"  # the part that stands for a kind's whole day
TOLD = "told"  # the part whose row_count is the number of discover pages that TMDb said there are
CATALOGUE = "catalogue"  # the part that is there once every slice of release dates is stored
PAGES_OF = "pages of "  # before the name of a slice that is not finished: its row_count is the number of its pages
UNREADABLE, UNANSWERED = PAGE_RULES = ("page is readable", "page is answered")  # why a page is in rejected_row
UNSEEN = "unseen of "  # before the name of a slice: its row_count is the number of films that discover does not show


@dataclass(frozen=True)
class Crawl:
    """The fetching of one kind for one day: when it began, and whether it is complete."""

    started_at: dt.datetime
    is_complete: bool


def open_crawl(connection: sa.Connection, day: dt.date, kind: str, *, refresh: bool, now: dt.datetime) -> Crawl:
    """The day's crawl, begun now if there is none; with `refresh` it begins anew and every part is asked again.

    It is not complete until it is closed, also where it was before. The requests sent for the day so far stay counted.
    """
    if refresh:
        connection.execute(fetch_log.delete().where(_of(day, kind), fetch_log.c.part != WHOLE))
        again = fetch_log.update().where(_of(day, kind), fetch_log.c.part == WHOLE)
        connection.execute(again.values(started_at=now, row_count=0))
    statement = postgresql.insert(fetch_log).values(
        snapshot_date=day, kind=kind, part=WHOLE, started_at=now, finished_at=None, request_count=0, row_count=0
    )
    reopened = statement.on_conflict_do_update(index_elements=PART_KEY, set_={"finished_at": None})
    connection.execute(reopened)
    crawl = find_crawl(connection, day, kind)
    if crawl is None:
        raise LookupError(f"the crawl of {kind} for {day} is gone from fetch_log")
    return crawl


def find_crawl(connection: sa.Connection, day: dt.date, kind: str) -> Crawl | None:
    """The day's crawl as far as it is known."""
    row = connection.execute(
        sa.select(fetch_log.c.started_at, fetch_log.c.finished_at).where(_of(day, kind), fetch_log.c.part == WHOLE)
    ).one_or_none()
    return Crawl(row[0], row[1] is not None) if row else None


def finished_pages(connection: sa.Connection, day: dt.date, kind: str) -> set[int]:
    """The pages of a crawl that are stored."""
    parts = connection.scalars(sa.select(fetch_log.c.part).where(_of(day, kind), fetch_log.c.part.like("page %")))
    return {int(part.removeprefix("page ")) for part in parts}


def finish_pages(
    connection: sa.Connection, day: dt.date, kind: str, pages: Mapping[int, int], now: dt.datetime, slice_name: str = ""
) -> None:
    """Note pages (number -> rows on it), of a slice if one is named, as stored; in the transaction that stores them."""
    if not pages:
        return
    rows = [
        {
            "snapshot_date": day,
            "kind": kind,
            "part": page_part(page, slice_name),
            "started_at": now,
            "finished_at": now,
            "request_count": 0,  # requests are counted once, for the whole crawl
            "row_count": row_count,
        }
        for page, row_count in pages.items()
    ]
    connection.execute(postgresql.insert(fetch_log).on_conflict_do_nothing(), rows)


def page_part(page: int, slice_name: str = "") -> str:
    """The part that a page is, of a slice if one is named; also that of its rejected rows."""
    return f"{slice_name} page {page}" if slice_name else f"page {page}"


def count_fetched(connection: sa.Connection, day: dt.date, kind: str, *, requests: int, rows: int) -> None:
    """Add what was asked and stored to the day's crawl, with each batch, so that a killed run's requests count too."""
    crawl = fetch_log.update().where(_of(day, kind), fetch_log.c.part == WHOLE)
    counts = {"request_count": fetch_log.c.request_count + requests, "row_count": fetch_log.c.row_count + rows}
    connection.execute(crawl.values(counts))


def close_crawl(connection: sa.Connection, day: dt.date, kind: str, finished_at: dt.datetime | None) -> None:
    """End a run's part in the day's crawl; `finished_at` None leaves it open for the next run."""
    crawl = fetch_log.update().where(_of(day, kind), fetch_log.c.part == WHOLE)
    connection.execute(crawl.values(finished_at=finished_at))


def told_pages(connection: sa.Connection, day: dt.date) -> int:
    """How many discover pages there were on a day, at most; 0 where this is not known."""
    told = sa.select(fetch_log.c.row_count).where(_of(day, "discover"), fetch_log.c.part == TOLD)
    return int(connection.scalar(told) or 0)


def note_told_pages(connection: sa.Connection, day: dt.date, pages: int, now: dt.datetime) -> None:
    """Note how many discover pages TMDb said there are; the highest number holds."""
    note_part(connection, day, "discover", TOLD, 0, max(pages, told_pages(connection, day)), now)


def _of(day: dt.date, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(fetch_log.c.snapshot_date == day, fetch_log.c.kind == kind)


def count_rows(connection: sa.Connection, table: sa.Table, day: dt.date) -> int:
    """The number of raw rows of a day."""
    counted = sa.select(sa.func.count()).select_from(table).where(table.c.snapshot_date == day)
    return int(connection.scalar(counted) or 0)


def known_films(connection: sa.Connection) -> set[int]:
    """The ids of all films that are known."""
    return set(connection.scalars(sa.select(dim_movie.c.movie_id)))


def discovered_films(connection: sa.Connection, day: dt.date) -> set[int]:
    """The ids of the films that discover showed on a day."""
    return set(connection.scalars(sa.select(raw_discover.c.movie_id).where(raw_discover.c.snapshot_date == day)))


def slice_part(span: tuple[dt.date, dt.date]) -> str:
    """The part that a slice of release dates (first date, last date) is once it is stored."""
    return f"slice {span[0]}..{span[1]}"


def _span(name: str) -> tuple[dt.date, dt.date]:
    first, last = name.removeprefix("slice ").split("..")
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last)


def _slice_parts(connection: sa.Connection, day: dt.date, pattern: str) -> dict[str, int]:
    parts = sa.select(fetch_log.c.part, fetch_log.c.row_count)
    found = connection.execute(parts.where(_of(day, "discover"), fetch_log.c.part.like(pattern)))
    return {str(part): int(row_count) for part, row_count in found}


def finished_slices(connection: sa.Connection, day: dt.date) -> set[tuple[dt.date, dt.date]]:
    """The slices of release dates of a day's whole catalogue that are stored: (first date, last date)."""
    return {_span(part) for part in _slice_parts(connection, day, "slice %") if " page " not in part}


def begun_slices(connection: sa.Connection, day: dt.date) -> dict[tuple[dt.date, dt.date], tuple[int, set[int]]]:
    """The slices of which only some pages are stored: how many they have, and which are stored."""
    stored: dict[str, set[int]] = {}
    for part in _slice_parts(connection, day, "slice % page %"):
        name, _, page = part.partition(" page ")
        stored.setdefault(name, set()).add(int(page))
    counts = _slice_parts(connection, day, f"{PAGES_OF}slice %")
    return {_span(name): (counts[PAGES_OF + name], pages) for name, pages in stored.items()}


def begin_slice(
    connection: sa.Connection,
    day: dt.date,
    span: tuple[dt.date, dt.date],
    count: int,
    pages: Mapping[int, int],
    now: dt.datetime,
) -> None:
    """Note pages (number -> rows on it) of a slice that has `count` of them as stored, in their transaction."""
    name = slice_part(span)
    if pages:
        note_part(connection, day, "discover", PAGES_OF + name, 0, count, now)
    finish_pages(connection, day, "discover", pages, now, name)


def finish_slice(connection: sa.Connection, day: dt.date, span: tuple[dt.date, dt.date], now: dt.datetime) -> None:
    """Note a slice as stored, in the transaction that stores the last of its pages; these are no longer noted."""
    name = slice_part(span)
    pages = fetch_log.c.part.startswith(page_part(0, name).removesuffix("0"), autoescape=True)
    noted = sa.or_(pages, fetch_log.c.part == PAGES_OF + name)
    connection.execute(fetch_log.delete().where(_of(day, "discover"), noted))
    note_part(connection, day, "discover", name, 0, 0, now)


def is_catalogue_stored(connection: sa.Connection, day: dt.date) -> bool:
    """Whether every slice of release dates of a day is stored: that is the whole catalogue, and any number of pages."""
    noted = sa.exists().where(_of(day, "discover"), fetch_log.c.part == CATALOGUE)
    return bool(connection.scalar(sa.select(noted)))


def note_unseen(connection: sa.Connection, day: dt.date, slice_name: str, films: int, now: dt.datetime) -> None:
    """Note how many films of a slice TMDb does not show: those beyond page 500 of a single release date."""
    note_part(connection, day, "discover", UNSEEN + slice_name, 0, films, now)


def forget_failed_pages(connection: sa.Connection, day: dt.date) -> None:
    """Forget the discover pages that were set aside on a day: by now each was had, if not in the same slice."""
    rule = rejected_row.c.reasons[0]["rule"].astext
    of_day = sa.and_(rejected_row.c.table_name == raw_discover.name, rejected_row.c.snapshot_date == day)
    connection.execute(rejected_row.delete().where(of_day, rule.in_(PAGE_RULES)))


def unseen_films(connection: sa.Connection, day: dt.date) -> int:
    """Films of a day's whole catalogue that are beyond page 500 of their release date."""
    parts = fetch_log.c.part.startswith(UNSEEN, autoescape=True)
    counted = sa.select(sa.func.sum(fetch_log.c.row_count)).where(_of(day, "discover"), parts)
    return int(connection.scalar(counted) or 0)


def reference_date(connection: sa.Connection, kind: str) -> dt.date | None:
    """The day on which a reference list was last asked."""
    asked: dt.date | None = connection.scalar(
        sa.select(sa.func.max(fetch_log.c.snapshot_date)).where(
            fetch_log.c.kind == "reference", fetch_log.c.part == kind
        )
    )
    return asked


def read_reference(connection: sa.Connection, kind: str) -> dict[str, Named]:
    """A reference list by code."""
    columns = (raw_reference.c.code, raw_reference.c.name, raw_reference.c.fetched_date)
    rows = connection.execute(sa.select(*columns).where(raw_reference.c.kind == kind).order_by(raw_reference.c.code))
    return {code: Named(name, fetched_date) for code, name, fetched_date in rows}


def note_part(
    connection: sa.Connection, day: dt.date, kind: str, part: str, requests: int, rows: int, now: dt.datetime
) -> None:
    """Note a part that is asked in one go as finished."""
    statement = postgresql.insert(fetch_log).values(
        snapshot_date=day,
        kind=kind,
        part=part,
        started_at=now,
        finished_at=now,
        request_count=requests,
        row_count=rows,
    )
    again = {
        "finished_at": now,
        "request_count": fetch_log.c.request_count + requests,
        "row_count": rows,
    }
    connection.execute(statement.on_conflict_do_update(index_elements=PART_KEY, set_=again))
