"""The rows of `rejected_row`: listed, counted by rule, and submitted again after a fix.

What the raw layer rejected is stored nowhere else: it is parsed and loaded again from here. All other rows are made of
raw answers, and come again when their day is loaded again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tmdb_assets.transforms.conform import Conformed, Rejected, Row
from tmdb_assets.transforms.details import parse_answer
from tmdb_assets.transforms.discover import parse_page
from tmdb_assets.transforms.reference import KINDS, parse_reference
from tmdb_assets.warehouse.ledger import check_results, fetch_log
from tmdb_assets.warehouse.loading.load import Again, Loaded, as_frame, is_cut, load
from tmdb_assets.warehouse.schema.raw import raw_details, raw_discover, raw_export, raw_reference, rejected_row
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns

ANSWERS = {table.name: table for table in (raw_discover, raw_details, raw_reference, raw_export)}
"""The tables whose rejected rows are answers of TMDb."""
ROWS_READ = 1000

CHOSEN = """
from rejected_row as r
where
    (cast(:day as date) is null or r.snapshot_date = :day)
    and (cast(:table_name as text) is null or r.table_name = :table_name)
    and (
        cast(:rule as text) is null
        or exists (
            select 1 from jsonb_array_elements(r.reasons) as e
            where position(lower(:rule) in lower(e ->> 'rule')) > 0
        )
    )
"""
ROWS = f"""
select r.id::text as id, r.table_name, r.snapshot_date, r.part, r.payload, r.reasons, r.rejected_at
{CHOSEN}
order by r.snapshot_date nulls first, r.table_name, r.part, r.id
"""
BY_RULE = f"""
select
    c.table_name,
    reason ->> 'rule' as rule,
    count(*) as rows,
    min(c.snapshot_date) as first_day,
    max(c.snapshot_date) as last_day,
    min(left(reason ->> 'value', 100)) as example
from (select r.table_name, r.snapshot_date, r.reasons {CHOSEN}) as c
cross join jsonb_array_elements(c.reasons) as reason
group by c.table_name, rule
order by rows desc, c.table_name, rule
"""
COUNT = f"select count(*) {CHOSEN}"
BY_LOAD = f"select r.table_name, r.snapshot_date, array_agg(r.id::text) as ids {CHOSEN} group by 1, 2 order by 2, 1"


@dataclass(frozen=True)
class Choice:
    """Which rejected rows: of a day, of a table, with a rule that contains a text; None: any."""

    day: dt.date | None = None
    table_name: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Submission:
    """Rejected rows of one load: a table on a day, None where the table has none."""

    table_name: str
    day: dt.date | None
    ids: Collection[str]


def count_rejected(connection: sa.Connection, choice: Choice) -> int:
    """How many rejected rows there are."""
    return int(connection.scalar(sa.text(COUNT), vars(choice)) or 0)


def rejected_ids(connection: sa.Connection) -> set[str]:
    """The ids of all rejected rows."""
    return set(connection.scalars(sa.text("select id::text from rejected_row")))


def count_by_rule(connection: sa.Connection, choice: Choice) -> list[sa.Row[Any]]:
    """Table, rule, number of rows, first and last day, and a value that broke it; most rows first.

    A row that broke several rules counts once for each.
    """
    return list(connection.execute(sa.text(BY_RULE), vars(choice)))


def read_rejected(connection: sa.Connection, choice: Choice) -> Iterator[sa.Row[Any]]:
    """The rows by day and table: id, table_name, snapshot_date, part, payload, reasons, rejected_at."""
    streamed = connection.execution_options(yield_per=ROWS_READ).execute(sa.text(ROWS), vars(choice))
    yield from streamed


def find_submissions(connection: sa.Connection, choice: Choice) -> list[Submission]:
    """The rows by the load that rejected them, by day and table."""
    return [Submission(*row) for row in connection.execute(sa.text(BY_LOAD), vars(choice))]


def submit_again(connection: sa.Connection, submission: Submission, *, is_final: bool) -> Loaded:
    """Parse and load rejected answers again, by the rules of this release; an answer stored later stays.

    Only a final submission changes `rejected_row`: rows that are loaded leave it, the others stay with the reasons that
    they have now. Until then nothing is lost, whatever happens to what is made of them. Answers of which a text was
    cut, and those that never came, are left as they are.
    """
    table, day = ANSWERS[submission.table_name], submission.day
    parts: dict[str, str | None] = {}
    replaced: list[str] = []  # filled while the chunks are read

    def part_of(row: Row) -> str | None:
        return parts.get(_key(table, row))

    def chunks() -> Iterator[Conformed]:  # in this load's turn: another may have brought the answers meanwhile
        rows, refused = [], []
        for stored in connection.execute(
            sa.select(rejected_row).where(rejected_row.c.id.in_(sorted(submission.ids))).order_by(rejected_row.c.id)
        ):
            if not is_submittable(table, stored.payload):
                continue
            replaced.append(stored.id)
            row, rejected = _parsed_again(table, stored.payload)
            parts[_key(table, row)] = stored.part
            if rejected:
                refused.append(Rejected(row, rejected.reasons, stored.part))
            else:
                rows.append(row)
        frame = as_frame(table, rows, part_of)
        frame.received += len(refused)
        frame.rejected += refused
        yield frame

    again = Again(replaced, is_final)
    loaded = load(connection, table, chunks(), day=day, part=part_of, again=again)
    kind = table.name.removeprefix("raw_")
    if is_final and day is not None:
        fetch_log.count_fetched(connection, day, kind, requests=0, rows=loaded.kept, are_new=False)
    elif loaded.counts.has_changes and day is not None:
        check_results.note_answers(connection, day, kind)
    return loaded


def is_submittable(table: sa.Table, payload: Row) -> bool:
    """Whether a rejected row is a whole answer, and neither a page that never came nor one of which a text was cut."""
    return payload.keys() >= set(key_columns(table)) and not is_cut(payload)


def _key(table: sa.Table, row: Row) -> str:
    return repr([str(row.get(name)) for name in key_columns(table)])


def _parsed_again(table: sa.Table, payload: Row) -> tuple[Row, Rejected | None]:
    """A rejected row as the day's own load would make it of the answer, and why it is rejected before its contract."""
    row = dict(payload)
    for name, kind in frame_columns(table).items():
        if kind == "timestamp" and isinstance(row.get(name), str):
            row[name] = _timestamp(row[name])
    if "crawl_number" in table.c:
        row["crawl_number"] = row.get("crawl_number", 1)  # a former release left it out where it rejected details
    if table is raw_discover:
        parsed = parse_page([row.get("payload")], 1, row["snapshot_date"], row.get("fetched_at"))[0]  # type: ignore[arg-type]
        return {**row, **parsed, "rank": row.get("rank")}, None
    if table is raw_details:
        answer = (row.get(name) for name in ("movie_id", "status_code", "payload", "fetched_at", "snapshot_date"))
        return row, parse_answer(*answer)[1]  # type: ignore[arg-type]
    if table is raw_reference and row["kind"] in KINDS:
        return parse_reference(row["kind"], [row.get("payload")], row.get("fetched_date"))[0], None  # type: ignore[arg-type]
    return row, None


def _timestamp(text: str) -> Any:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return text
