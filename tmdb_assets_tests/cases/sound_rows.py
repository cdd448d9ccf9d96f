"""Valid rows for every declared table, and values on both sides of each rule, made from the declarations."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from tmdb_assets.transforms.conform import Conformed, Row, conform
from tmdb_assets.warehouse.loading.load import Loaded, PartOf, load
from tmdb_assets.warehouse.schema import ddl  # noqa: F401 - imports every declaration
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets.warehouse.schema.vocabulary import Rule, frame_columns, key_columns, metadata
from tmdb_assets.warehouse.warehouse import Warehouse

TABLES: dict[str, sa.Table] = {table.name: table for table in metadata.sorted_tables if frame_columns(table)}
DAY = dt.date(2026, 7, 1)
MIDNIGHT = dt.datetime.combine(DAY, dt.time(), dt.UTC)  # that begins it
UPPER, LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"

# Texts that match a declared pattern and texts that do not; a new pattern needs its examples here.
PATTERN_EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    "^[A-Z]{2}$": (
        [first + second for first in UPPER for second in UPPER],
        ["us", "U", "USA", "", " US", "US ", "US\n", "\nUS", "ÜS", "U1"],
    ),
    "^[a-z]{2,3}$": (
        [first + second for first in LOWER for second in LOWER] + ["cmn"],
        ["EN", "e", "engl", "", "en\n", "en-US", "éé"],
    ),
}


def frame_column_list(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns of a table's frames."""
    return [table.c[name] for name in frame_columns(table)]


def sound_row(table: sa.Table, number: int, **values: Any) -> Row:
    """A row that satisfies the table's contract; rows of different numbers (0 to 25) have different keys."""
    row = {col.name: _sound_value(col, number) for col in frame_column_list(table)} | values
    if "confirmed_dates" in row and "confirmed_dates" not in values:
        row["confirmed_dates"] = [row["valid_from"]]
    for col, rule in rules_of(table):
        if rule.name == "on_day" and col.name not in values and row[rule.argument] is not None:
            row[col.name] = dt.datetime.combine(row[rule.argument], dt.time(9), dt.UTC)
    return row


def as_frame(
    table: sa.Table, rows: Iterable[Row], *, key: tuple[str, ...] = (), part: PartOf | None = None
) -> Conformed:
    """Rows as a frame with the table's columns; repeats of a key stay unless the key is given."""
    return conform(rows, frame_columns(table), key=key, part=part)


def load_rows(warehouse: Warehouse, table: sa.Table, *chunks: list[Row], **options: Any) -> Loaded:
    """Load chunks of rows in one transaction, as the assets do; `options` are those of `load`.

    Raw rows are of a day's first crawl unless they say otherwise.
    """
    if "crawl_number" in frame_columns(table):
        chunks = tuple([{"crawl_number": 1, **row} for row in rows] for rows in chunks)
    key, part = tuple(key_columns(table)), options.get("part")
    if table.info["partition_unit"]:
        for day in {row[key[0]] for rows in chunks for row in rows if isinstance(row.get(key[0]), dt.date)}:
            ensure_partition(warehouse.engine, table, day)
    with warehouse.begin() as connection:
        return load(connection, table, [as_frame(table, rows, key=key, part=part) for rows in chunks], **options)


def rows_of(warehouse: Warehouse, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query as tuples."""
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), values)]


def rules_of(table: sa.Table) -> list[tuple[sa.Column[Any], Rule]]:
    """Every rule that the table declares on a column of its frames."""
    return [(col, rule) for col in frame_column_list(table) for rule in col.info["rules"]]


def values_within(col: sa.Column[Any], rule: Rule) -> list[Any]:
    """Values that just satisfy a rule."""
    if rule.name in {"at_least", "at_most"}:
        return [_number(col, rule.argument)]
    if rule.name == "max_length":
        return ["", "x" * rule.argument, "🎬" * rule.argument]
    if rule.name == "matches":
        return PATTERN_EXAMPLES[rule.argument][0][-3:]
    if rule.name == "on_day":
        return [MIDNIGHT, MIDNIGHT + dt.timedelta(days=1, microseconds=-1)]
    return list(rule.argument)


def values_beyond(col: sa.Column[Any], rule: Rule) -> list[Any]:
    """Values that just break a rule."""
    if rule.name in {"at_least", "at_most"}:
        direction = -1 if rule.name == "at_least" else 1
        if col.info["kind"] == "integer":
            return [int(rule.argument) + direction]
        return [math.nextafter(rule.argument, direction * math.inf), float(rule.argument + direction)]
    if rule.name == "max_length":
        return ["x" * (rule.argument + 1), "🎬" * (rule.argument + 1)]
    if rule.name == "matches":
        return PATTERN_EXAMPLES[rule.argument][1]
    if rule.name == "on_day":
        return [MIDNIGHT - dt.timedelta(microseconds=1), MIDNIGHT + dt.timedelta(days=1)]
    return ["", "no such value", rule.argument[0].upper(), f"{rule.argument[0]} "]


def _number(col: sa.Column[Any], argument: float) -> float:
    return int(argument) if col.info["kind"] == "integer" else float(argument)


def _sound_value(col: sa.Column[Any], number: int) -> Any:
    if isinstance(col.type, UUID):
        return str(uuid.UUID(int=number))
    rules = {rule.name: rule.argument for rule in col.info["rules"]}
    if col.info["kind"] == "integer":
        lowest = int(rules.get("at_least", 0))
        span = int(rules.get("at_most", lowest + 25)) - lowest + 1
        return lowest + number % span if col.primary_key else lowest
    if col.info["kind"] == "text":
        return _sound_text(rules, number)
    return {
        "number": float(rules.get("at_least", 0)) + 0.5,
        "date": DAY + dt.timedelta(days=number if col.primary_key else 0),
        "boolean": number % 2 == 0,
        "timestamp": MIDNIGHT + dt.timedelta(hours=9),
        "json": {"number": number},
        "integers": [1, 2],
        "texts": ["a", "b"],
        "dates": [DAY + dt.timedelta(days=number)],
    }[col.info["kind"]]


def _sound_text(rules: dict[Any, Any], number: int) -> str:
    if "one_of" in rules:
        return str(rules["one_of"][number % len(rules["one_of"])])
    if "matches" in rules:
        return PATTERN_EXAMPLES[rules["matches"]][0][number]
    return f"t{number}"[: rules.get("max_length", 20)]
