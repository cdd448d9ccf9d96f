"""Loads frames into a table in one transaction: contract, rejected rows, merge. No Dagster.

Broken rows go to `rejected_row` while the valid ones load. With more than `MAX_REJECTED_SHARE` of rejected rows, or a
frame of the wrong shape, nothing is written. In a load of only part of a table, a few broken rows are judged against
the whole table (docs/decisions/0006-a-few-broken-rows-are-judged-against-the-whole-table.md).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from operator import add
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.transforms.conform import Columns, Conformed, Reason, Rejected, Row, conform, shorten
from tmdb_assets.warehouse.loading import merge as merging
from tmdb_assets.warehouse.loading import staging
from tmdb_assets.warehouse.loading.contracts import empty_broken_cells, validate
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets.warehouse.schema.raw import rejected_row
from tmdb_assets.warehouse.schema.vocabulary import day_column, frame_columns, key_columns

if TYPE_CHECKING:
    import pandas as pd

MAX_REJECTED_SHARE = 0.05
NAMED_RULES = 3  # in a message
FEW_REJECTED = 20  # films; more than these are judged only against the rows received
ROWS_OF_A_FILM = 10  # of a table whose rows name no film, as the persons or keywords of one film's broken details
KEPT_CHARACTERS = 1000  # of each text in a rejected row, and entries of each list; the raw layer has the rest
KEPT_OF_ANSWERS = 100_000  # where the raw layer itself rejected the row: then it is nowhere else
CUT = "…"
FILM = "movie_id"
PartOf = Callable[[Row], str | None]
Merger = Callable[[sa.Connection], MergeCounts]


@dataclass
class Loaded:
    """What a load did: rows received, merged and rejected, and broken cells of rows that are kept."""

    table: sa.Table
    received: int = 0
    counts: MergeCounts = field(default_factory=MergeCounts)
    rejected: list[Rejected] = field(default_factory=list)
    emptied: list[Rejected] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Rows received and not rejected."""
        return self.received - len(self.rejected)

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of those received, 0 to 1."""
        return len(self.rejected) / self.received if self.received else 0.0

    @property
    def broken_rules(self) -> Counter[str]:
        """How many rows broke each rule, of those rejected and of those kept without the cell."""
        return Counter(reason.rule for item in self.rejected + self.emptied for reason in item.reasons)

    @property
    def most_broken(self) -> str:
        """The rules that most rows broke, each with the number of rows and their share of those received."""
        most = self.broken_rules.most_common(NAMED_RULES)
        named = "; ".join(
            f"{rule} ({count} row{'s' * (count > 1)}, {count / max(self.received, 1):.1%})" for rule, count in most
        )
        more = len(self.broken_rules) - len(most)
        return f"{named}{f'; and {more} more' if more else ''}"

    def are_too_many(self, standing: int) -> bool:
        """Whether too many rows are rejected; a few are judged against the `standing` rows of the table as well.

        All rejected rows of a film count as one: one film's long list of broken entries refuses no other film's rows.
        """
        rejected, few = len(self.rejected), FEW_REJECTED * ROWS_OF_A_FILM
        if FILM in self.table.columns:
            rejected, few = len({repr(item.row.get(FILM)) for item in self.rejected}), FEW_REJECTED
        received = self.received - len(self.rejected) + rejected
        return rejected > MAX_REJECTED_SHARE * (received + (standing if rejected <= few else 0))

    def add(self, other: Loaded) -> None:
        """Add the counts of another load of the same table."""
        self.received += other.received
        self.rejected += other.rejected
        self.emptied += other.emptied
        self.counts = MergeCounts(*map(add, astuple(self.counts), astuple(other.counts)))


class TooManyRejectedError(ActionableError):
    """More rows than allowed broke the contract; nothing of the load was written."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        super().__init__(
            f"{len(loaded.rejected)} of {loaded.received} rows of {loaded.table.name} ({loaded.rejected_share:.1%}) "
            f"broke their contract, over the {MAX_REJECTED_SHARE:.0%} allowed: {loaded.most_broken}",
            kept="Nothing was written; what is already stored is kept",
            action="Read the report of the check contract; if TMDb changed its answers, change the table's declaration",
        )


@dataclass(frozen=True)
class Again:
    """Rejected rows that are submitted again, by their ids; only a final submission replaces them."""

    ids: Collection[str]
    is_final: bool


def as_frame(table: sa.Table, rows: Iterable[Row], part: PartOf | None = None) -> Conformed:
    """Rows cast to the table's columns, the last of each key; `part(row)` says what a rejected row came from."""
    return conform(rows, frame_columns(table), key=tuple(key_columns(table)), part=part)


def load(
    connection: sa.Connection,
    table: sa.Table,
    chunks: Iterable[Conformed],
    *,
    day: dt.date | None = None,
    day_of: Callable[[Row], dt.date] | None = None,
    merge: Merger | None = None,
    parameters: Mapping[str, Any] | None = None,
    part: PartOf | None = None,
    parts: Collection[str] | None = None,
    earlier: Loaded | None = None,
    is_partial: bool = False,
    again: Again | None = None,
) -> Loaded:
    """Validate, stage and merge chunks of frames inside the caller's transaction.

    The chunks are read once it is this load's turn: rows read earlier could be older than what another load stored.
    `day` is the rows' snapshot; rejected rows of an earlier load of that day are replaced. Where rows of several days
    come at once, `day_of` returns a row's own: it is rejected as by a load of that day. `merge` replaces the declared
    one. A load of one batch of a day passes the `parts` it covers: only rejected rows of these are replaced; `part`
    returns the part of a row, and `earlier`, the batches before, counts towards the share. With `is_partial` the chunks
    hold only the table's rows that changed today: the others count when a few rejected rows are judged. The rows of
    `again` were judged when they were rejected.

    Raises `TooManyRejectedError` or `StructuralFaultError`; the caller's transaction must then roll back.
    """
    loaded = Loaded(table)
    if table.info["partition_unit"] and day is not None:
        ensure_partition(connection.engine, table, day)
    merging.take_turn(connection, table, day)
    staging.create_staging(connection, table)
    for chunk in chunks:
        for frame in _valid_frames(loaded, chunk, part):
            if len(frame):
                staging.stage(connection, table, frame)
    for row, rule, value in staging.reject_orphans(connection, table):
        loaded.rejected.append(Rejected(row, (Reason(rule, shorten(value)),), part(row) if part else None))
    if again is None:
        _judge(loaded, earlier, staging.count_standing(connection, table) if is_partial and loaded.rejected else 0)
    loaded.counts = merge(connection) if merge else merging.merge(connection, table, parameters)
    _file_rejected(connection, loaded, day, day_of, parts, again)
    connection.exec_driver_sql(f"drop table {staging.staging_name(table)}")
    return loaded


def _file_rejected(
    connection: sa.Connection,
    loaded: Loaded,
    day: dt.date | None,
    day_of: Callable[[Row], dt.date] | None,
    parts: Collection[str] | None,
    again: Again | None,
) -> None:
    """Replace the rejected rows of the day and its parts, or of `again`, by those of this load, each under its day."""
    table, items = loaded.table, loaded.rejected + loaded.emptied
    if again is not None:
        if again.is_final:
            _quarantine(connection, table, items, day, rejected_row.c.id.in_(sorted(again.ids)))
        return
    by_day: dict[dt.date | None, list[Rejected]] = {day: []}
    for item in items:
        by_day.setdefault(day_of(item.row) if day_of else day, []).append(item)
    for rejected_on, of_day in by_day.items():
        _quarantine(connection, table, of_day, rejected_on, _of_day(table, rejected_on, parts))


def _valid_frames(loaded: Loaded, chunk: Conformed, part: PartOf | None) -> list[Columns | pd.DataFrame]:
    """The valid rows of a chunk, in the order in which they are staged; the others are added to `loaded`."""
    valid = validate(loaded.table, chunk, part)
    loaded.received += chunk.received
    if not (loaded.table.info["empties_broken"] and valid.rejected):
        loaded.rejected += valid.rejected
        return [valid.rows]
    again = empty_broken_cells(loaded.table, valid.rejected)
    loaded.emptied += again.emptied
    loaded.rejected += again.rejected
    return [*again.frames, valid.rows]  # staged last, so that a valid row of the same key wins


def _judge(loaded: Loaded, earlier: Loaded | None, standing: int) -> None:
    so_far = Loaded(loaded.table, loaded.received, rejected=list(loaded.rejected))
    if earlier is not None:
        so_far.add(earlier)
    if so_far.are_too_many(standing):
        raise TooManyRejectedError(so_far)


def _of_day(table: sa.Table, day: dt.date | None, parts: Collection[str] | None) -> sa.ColumnElement[bool]:
    """The rejected rows of a table's day, or only those of the given parts."""
    row = rejected_row.c
    of_day = sa.and_(row.table_name == table.name, row.snapshot_date.is_not_distinct_from(day))
    return of_day if parts is None else sa.and_(of_day, row.part.in_(sorted(parts)))


def _quarantine(
    connection: sa.Connection,
    table: sa.Table,
    rejected: list[Rejected],
    day: dt.date | None,
    former: sa.ColumnElement[bool],
) -> None:
    """Replace the `former` rejected rows; one that is rejected again for the same reasons is left as it is."""
    repeats: Counter[str] = Counter()
    rows = [_rejected_values(table, item, day, repeats) for item in rejected]
    same = sa.literal([row["id"] for row in rows], sa.ARRAY(sa.Uuid(as_uuid=False)))
    connection.execute(rejected_row.delete().where(former, rejected_row.c.id != sa.all_(same)))
    if rows:
        connection.execute(postgresql.insert(rejected_row).on_conflict_do_nothing(), rows)


def count_rows(connection: sa.Connection, table: sa.Table, day: dt.date | None) -> int:
    """Rows of the table; only those of the day where the table's key has a day."""
    counted = sa.select(sa.func.count()).select_from(table)
    column = day_column(table)
    if day is not None and column is not None:
        counted = counted.where(column == day)
    return int(connection.execute(counted).scalar_one())


def _rejected_values(table: sa.Table, item: Rejected, day: dt.date | None, repeats: Counter[str]) -> dict[str, Any]:
    reasons = [{"rule": reason.rule, "value": reason.value} for reason in item.reasons]
    payload = _shortened(item.row, KEPT_OF_ANSWERS if table.name.startswith("raw_") else KEPT_CHARACTERS)
    # By name, as jsonb does not keep the order of fields: a row that is read and rejected again has the same id.
    seed = orjson.dumps([table.name, day, item.part, payload, reasons], default=str, option=orjson.OPT_SORT_KEYS)
    content = str(uuid.uuid5(uuid.NAMESPACE_OID, seed.decode()))
    repeats[content] += 1  # identical rows are numbered, so that each is kept
    return {
        "id": str(uuid.uuid5(uuid.UUID(content), str(repeats[content]))),
        "table_name": table.name,
        "snapshot_date": day,
        "part": item.part,
        "payload": payload,
        "reasons": reasons,
    }


def _shortened(value: Any, kept: int) -> Any:
    """A row with long texts and lists cut, and only values of JSON; orjson writes NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(name): _shortened(item, kept) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [*(_shortened(item, kept) for item in value[:kept]), *([CUT] if len(value) > kept else [])]
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return text if len(text) <= kept else text[:kept] + CUT
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)[:kept]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def is_cut(value: Any) -> bool:
    """Whether a text or list in a rejected row was cut: what is left cannot be submitted again."""
    if isinstance(value, str):
        return value.endswith(CUT) and len(value) - len(CUT) in (KEPT_CHARACTERS, KEPT_OF_ANSWERS)
    if isinstance(value, list) and len(value) == KEPT_OF_ANSWERS + 1:
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(is_cut, items))
