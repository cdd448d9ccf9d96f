"""What the pages of quality are made of, as it is read: rows, which another process can be given. Imports no pandas."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import NamedTuple


class Outcome(NamedTuple):
    """What a check said of a day; `severity` is error or warn."""

    asset: str
    check: str
    is_passed: bool
    severity: str
    text: str


class DayInShort(NamedTuple):
    """What the index says of a day: checks that ran, what the failed ones found, films from discover and the export."""

    checks: int
    errors: list[str]
    warnings: list[str]
    discover: int
    export: int


@dataclass(frozen=True)
class DayDetails:
    """What TMDb said and what was stored on a day, and its rejected rows.

    `requests`: kind, requests, rows, pages, stored pages, films listed, films known, whether complete. `details`: films
    due, answered and not found. `rejected`: table, rule, rows, examples, of the rules that broke most rows;
    `rejected_rows` and `broken_rules`: how many there are. A row may break several rules.
    """

    requests: list[tuple[str, int, int, int | None, int, int | None, int | None, bool]] = field(default_factory=list)
    details: tuple[int, int, int] = (0, 0, 0)
    rejected: list[tuple[str, str, int, list[str]]] = field(default_factory=list)
    rejected_rows: int = 0
    broken_rules: int = 0


@dataclass(frozen=True)
class QualityRows:
    """The record of the last weeks, and the details of the days whose pages are to be made.

    `films`: day -> films from discover, from the export. `measures`: day -> measure -> subject -> figure. `past`:
    every day that may have a page, also those after the run's day. `versions`: a hash of each day's record. `drift`:
    what changed in the form of TMDb's answers, as headings with keys or codes.
    """

    newest: dt.date | None
    films: dict[dt.date, tuple[int, int]] = field(default_factory=dict)
    outcomes: dict[dt.date, list[Outcome]] = field(default_factory=dict)
    measures: dict[dt.date, dict[str, dict[str, float]]] = field(default_factory=dict)
    details: dict[dt.date, DayDetails] = field(default_factory=dict)
    past: dict[dt.date, DayInShort] = field(default_factory=dict)
    versions: dict[dt.date, str] = field(default_factory=dict)
    drift: dict[dt.date, list[tuple[str, list[str]]]] = field(default_factory=dict)
