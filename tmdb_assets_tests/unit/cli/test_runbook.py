"""The runbook has a line for each check and each alert, as they are declared."""

from __future__ import annotations

import re

import pytest

from tmdb_assets.assets.steps.advice import IF_NOT
from tmdb_assets.cli.runbook import RUNBOOK, check_specs, checks_table, fill
from tmdb_assets.orchestration import alert_kinds

TEXT = RUNBOOK.read_text(encoding="utf-8")


def test_the_committed_runbook_is_fresh():
    assert fill(TEXT) == TEXT, "run `make schema` and commit docs/runbook.md"


def test_each_check_has_a_line_with_what_to_do():
    specs = check_specs()
    assert {"contract", "pages_complete", "popularity_is_usual", "latest_state_agrees"} <= {spec.name for spec in specs}
    for spec in specs:
        says, _, advice = (spec.description or "").partition(IF_NOT)
        assert all((says, advice)), f"{spec.name} of {spec.asset_key} does not say what to do"
        (line,) = [
            line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`") and f"| {says.strip()} |" in line
        ]
        assert advice.replace("|", r"\|") in line


def test_each_alert_has_a_line_with_what_to_do():
    declared = [value for value in vars(alert_kinds).values() if isinstance(value, alert_kinds.AlertKind)]
    assert set(declared) == set(alert_kinds.KINDS)
    for kind in alert_kinds.KINDS:
        (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{kind.name}` |")]
        assert kind.says in line
        assert kind.advice in line


def test_a_check_with_own_words_has_a_line_of_its_own():
    specs = check_specs()
    lines = checks_table(specs).splitlines()[2:]
    assert len(lines) == len({(spec.name, spec.description) for spec in specs})
    assert len([line for line in lines if re.match(r"\| `contract`, blocks \| \d+ tables and views \|", line)]) >= 1


def test_a_runbook_without_its_comments_is_refused():
    with pytest.raises(ValueError, match="needs one place <!-- checks"):
        fill(TEXT.replace("<!-- checks:", "<!-- other:"))
