"""The outcome of a day's run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dagster import AssetCheckEvaluation, AssetCheckSeverity

from tmdb_assets.assets.publish import ROW_COUNT
from tmdb_assets.errors.problem import Problem

FACT = "fact_movie_daily"
ROW_COUNTS = {
    "rows": ROW_COUNT,
    "inserted": "rows_inserted",
    "updated": "rows_updated",
    "unchanged": "rows_unchanged",
    "rejected": "rows_rejected",
}
"""Heading -> metadata key of an asset's materialization."""


@dataclass
class DayRun:
    """The outcome of a day's run.

    `tables`: asset -> its `ROW_COUNTS` in order, None where the asset does not report one. `problems`: those of the
    failed steps, each once. `dashboard`: the page that the run wrote, if it did. `waiting`: the days without facts
    that a person's Ctrl-C left to a person, this one or those after it.
    """

    day: dt.date
    ok: bool
    seconds: float
    requests: int
    tables: dict[str, list[int | None]] = field(default_factory=dict)
    checks: Sequence[AssetCheckEvaluation] = ()
    problems: list[Problem] = field(default_factory=list)
    dashboard: Path | None = None
    interrupted: bool = False
    waiting: list[dt.date] = field(default_factory=list)

    @property
    def has_changed(self) -> bool:
        """Whether a table got a new or another row."""
        headings = list(ROW_COUNTS)
        return any(counts[headings.index(name)] for counts in self.tables.values() for name in ("inserted", "updated"))

    @property
    def state(self) -> str:
        """The day's state in one word."""
        return "interrupted" if self.interrupted else "loaded" if self.ok else "failed"

    @property
    def causes(self) -> list[str]:
        """Why the day failed, in few words: its problems, or else the texts of its failed checks."""
        failed = [check.description or "" for check in self.checks if is_failed(check)]
        return list(dict.fromkeys(problem.summary for problem in self.problems)) or failed


def is_failed(check: AssetCheckEvaluation) -> bool:
    """Whether a check failed, and not only warned."""
    return not check.passed and check.severity == AssetCheckSeverity.ERROR
