"""The part of docs/reliability.md about mutants, from docs/mutants.json."""

from __future__ import annotations

import json
from typing import Any

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.mutants.survivors import reason_for
from tmdb_assets_tests.mutants.targets import TARGETS

AIM = 0.95
FILE = PROJECT_ROOT / "docs" / "mutants.json"
INTRODUCTION = """## Mutants

`make mutants` puts small faults into the code one by one (another comparison, a missing statement, `max` for `min`, an
inner join for a left one) and runs the tests that are declared for the file in `tmdb_assets_tests/mutants/`. A mutant
is killed when a test fails. A survivor that cannot be noticed, for the reason that stands with it below, does not count
in the share. Texts for people are not mutated. `make mutants ARGS="--file merge.py"` takes one file,
`--most 40` a drawn sample of each.

A mutant of Python is tried in a fork of a process that has run the file's tests once without it, by those of them that
come to its statement, until one fails. What survives there, and what takes effect at import only, is tried again in a
process that imports the mutant. `not long` tests alone are counted on.
"""


def read_results() -> dict[str, Any]:
    """The results so far, by file."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


def mutants_section() -> str:
    """The section: killed by file, and the survivors with their reasons."""
    results = read_results()
    lines = [INTRODUCTION, "| file | mutants | tried | killed | same | share |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    tried = killed = same = everything = 0
    for file, found in sorted(results.items()):
        of_file = sum(reason_for(name) is not None for name in found["survivors"])
        everything, tried, killed = everything + found["mutants"], tried + found["tried"], killed + found["killed"]
        same += of_file
        share = _share(found["killed"], found["tried"] - of_file)
        counts = f"{found['mutants']} | {found['tried']} | {found['killed']} | {of_file}"
        lines.append(f"| {file} | {counts} | {share:.0%} |")
    counts = f"{everything} | {tried} | {killed} | {same}"
    lines.append(f"| **all of these** | {counts} | {_share(killed, tried - same):.1%} |")
    untried = [file for file in TARGETS if file not in results]
    lines += ["", f"The aim is all mutants, {AIM:.0%} killed. Of {everything - tried} nothing is known yet."]
    if untried:
        lines += ["", f"Files of which no mutant was tried yet: {', '.join(f'`{file}`' for file in untried)}."]
    survivors = [name for file in sorted(results) for name in results[file]["survivors"]]
    if survivors:
        lines += ["", f"The {len(survivors)} survivors:", ""]
        lines += [f"- {_code(name)} {reason_for(name) or 'No test notices it yet.'}" for name in survivors]
    return "\n".join(lines)


def _share(killed: int, noticeable: int) -> float:
    return killed / noticeable if noticeable else 1.0


def _code(name: str) -> str:
    return f"`{name.replace('`', chr(39)).replace('|', '/')}`:"
