"""What came of all trials so far, in one file that further runs add to: docs/reliability.json."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.chaos.trial import Outcome

FILE = PROJECT_ROOT / "docs" / "reliability.json"
COLUMNS = ("lost", "doubled", "half_seen", "stuck", "tracebacks")
"""What must be 0: the number of trials in which it happened."""


def current_commit() -> str:
    """The short name of the checkout's commit; "unknown" outside a repository."""
    command = ["git", "-C", str(PROJECT_ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


class Results:
    """Counts by kind; saved after every trial, so that a run can be stopped at any moment."""

    def __init__(self, file: Path | None, seed: int) -> None:
        self._file = file
        found = json.loads(file.read_text(encoding="utf-8")) if file and file.exists() else {}
        empty = {"seed": seed, "next": 0, "commits": {}, "kinds": {}, "skipped": {}, "odd": [], "errors": []}
        self.data: dict[str, Any] = {**empty, **found}

    @property
    def seed(self) -> int:
        """The seed of all trials."""
        return int(self.data["seed"])

    def take_number(self) -> int:
        """The number of the next trial."""
        self.data["next"] += 1
        return int(self.data["next"]) - 1

    def add(self, outcome: Outcome, commit: str) -> None:
        """Add a trial. One that was skipped, or that the harness failed in, is no trial."""
        if outcome.skipped:
            self.data["skipped"][outcome.kind] = outcome.skipped
        elif outcome.error:
            self.data["errors"].append({"number": outcome.number, "kind": outcome.kind, "error": outcome.error})
        else:
            self.data["commits"][commit] = self.data["commits"].get(commit, 0) + 1
            counts = self.data["kinds"].setdefault(outcome.kind, {})
            added = {name: int(bool(getattr(outcome, name))) for name in COLUMNS}
            added |= {"trials": 1, "faults": outcome.faults, "looks": outcome.looks, "seconds": outcome.seconds}
            for name, value in added.items():
                counts[name] = round(counts.get(name, 0) + value, 1)
            if not outcome.is_clean:
                self.data["odd"].append(outcome.as_json())
        self._save()

    def total(self, name: str) -> float:
        """The sum of a count over all kinds."""
        return sum(counts.get(name, 0) for counts in self.data["kinds"].values())

    @property
    def is_clean(self) -> bool:
        """Whether every column is 0, and the harness did not fail."""
        return not (any(self.total(name) for name in COLUMNS) or self.data["errors"])

    def _save(self) -> None:
        if self._file is not None:
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(self.data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            new.replace(self._file)
