"""The runbook's tables of alerts and checks, from their declarations.

`python -m tmdb_assets.cli.runbook` writes them into `docs/runbook.md`; a test keeps them fresh.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dagster import AssetCheckSpec

from tmdb_assets.assets.steps.advice import IF_NOT
from tmdb_assets.definitions import build_definitions
from tmdb_assets.orchestration.alert_kinds import KINDS
from tmdb_assets.settings import PROJECT_ROOT, Settings

RUNBOOK = PROJECT_ROOT / "docs" / "runbook.md"
MANY = 4  # assets of one check, from which on they are counted instead of named


def check_specs() -> list[AssetCheckSpec]:
    """Every check of the definitions as they are by default, by name and asset."""
    graph = build_definitions(Settings.load(tmdb_token=None)).resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    return sorted(specs, key=lambda spec: (spec.name, spec.asset_key))


def alerts_table() -> str:
    """A line for each kind of alert."""
    return _table(("alert", "it says", "what to do"), [(f"`{kind.name}`", kind.says, kind.advice) for kind in KINDS])


def checks_table(specs: Iterable[AssetCheckSpec]) -> str:
    """A line for each check; one that many assets have in the same words has one line."""
    assets: dict[tuple[str, str, bool], list[str]] = {}
    for spec in specs:
        assets.setdefault((spec.name, spec.description or "", spec.blocking), []).append(
            spec.asset_key.to_user_string()
        )
    rows = []
    for (name, description, blocks), names in sorted(assets.items()):
        says, _, advice = description.partition(IF_NOT)
        where = f"{len(names)} tables and views" if len(names) >= MANY else ", ".join(f"`{each}`" for each in names)
        rows.append((f"`{name}`{', blocks' if blocks else ''}", where, says.strip(), advice))
    return _table(("check", "of", "passes when", "what to do if not"), rows)


def fill(text: str) -> str:
    """The runbook with fresh tables between its comments. Raises `ValueError` where a comment is missing."""
    for name, table in (("alerts", alerts_table()), ("checks", checks_table(check_specs()))):
        text, count = re.subn(
            rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)",
            lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(
                f"docs/runbook.md needs one place <!-- {name}: ... --> with its <!-- end -->, not {count}."
            )
    return text


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(path: Path = RUNBOOK) -> None:
    """Write the tables into the file."""
    path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit("usage: python -m tmdb_assets.cli.runbook  (writes the tables of docs/runbook.md)")
    write()
