"""docs/reliability.md, written from docs/reliability.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.chaos.kinds import KINDS
from tmdb_assets_tests.chaos.results import COLUMNS, FILE, Results
from tmdb_assets_tests.mutants.report import mutants_section

PAGE = PROJECT_ROOT / "docs" / "reliability.md"
HEADINGS = {
    "lost": "lost",
    "doubled": "doubled",
    "half_seen": "half seen",
    "stuck": "stuck",
    "tracebacks": "traceback",
}
INTRODUCTION = """# Reliability

What the platform promises about kills, outages and several commands at once was tried, and these are the figures. This
page is written by `make chaos` and `make mutants` from their results; edit the generators, not the page.

## Faults

Each trial is one day's load with one kind of fault at a random moment: the real command in processes of its own, a real
Postgres, and a look-alike of TMDb's API with 24 films of which some are edited, go or come back every day. Then the
command runs once more without a fault, and every table is compared, row by row, with that of a run without any fault.
During the trial a reader on another connection looks for half-loaded days.

- **lost**: trials after which a row was missing.
- **doubled**: trials after which a row was too many, or differed.
- **half seen**: trials in which the reader saw a day with only part of its facts, a total that did not belong to the
  facts, a film's periods with a hole, or a film without its links.
- **stuck**: trials in which a command did not end within {deadline:.0f} s, or the run after the fault did not succeed.
- **traceback**: trials in which a command ended with a Python traceback instead of a sentence.
"""
REPEAT = """
### Repeat it

```sh
make chaos                # an hour; adds its trials to this page
make chaos MINUTES=10     # shorter; several runs add up
make chaos-short          # three minutes, seeded, as in CI; this page stays as it is
```

A trial is named by its number: `python -m tmdb_assets_tests.chaos --repeat NUMBER` runs it again with the same draws
(seed {seed}). The moment of a fault is drawn in CPU seconds of the run, so it does not depend on the machine. Batches
are small ({small}), so that a day of few films has many moments; pictures are not drawn.

### Not tried

- Containers at random moments: `make test-images` kills code server, daemon, webserver, Postgres and the one-shot day
  in containers, each once during a run, and compares the tables; there is no container engine in these trials.
- Loss of power with data still in the disk's cache: the server runs with `fsync` off, which only matters then.
- Two machines: three commands each in process namespaces of their own, on one kernel and one clock.
- A disk that is full for other programs than Postgres: logs, reports, backups.
"""
AIM = 500


def write_report() -> None:
    """Write the page from the results so far."""
    PAGE.write_text(render(Results(FILE, 0).data), encoding="utf-8")


def render(data: Mapping[str, Any]) -> str:
    """The page for these results."""
    from tmdb_assets_tests.chaos.processes import DEADLINE_S

    kinds: dict[str, dict[str, float]] = data["kinds"]
    names = ("trials", "faults", *COLUMNS, "looks")
    total = {name: sum(counts.get(name, 0) for counts in kinds.values()) for name in names}
    commits = ", ".join(f"{commit} ({count})" for commit, count in data["commits"].items())
    lines = [
        INTRODUCTION.format(deadline=DEADLINE_S),
        f"{total['trials']:,.0f} trials with {total['faults']:,.0f} faults; the reader looked {total['looks']:,.0f} "
        f"times. Trials by commit: {commits or 'none yet'}. The aim is {AIM} trials. "
        "A trial has no fault where the command had ended before it.\n",
        "| fault | trials | faults | " + " | ".join(HEADINGS.values()) + " |",
        "| --- |" + " ---: |" * (2 + len(COLUMNS)),
        *(_row(kind, kinds[kind]) for kind in KINDS if kind in kinds),
        _row("**all**", total),
        "",
        "What each is:\n",
        *(f"- {kind}: {(fault.__doc__ or '').strip().splitlines()[0]}" for kind, fault in KINDS.items()),
        *_odd(data),
        REPEAT.format(seed=data["seed"], small="four films, one page"),
        mutants_section(),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, counts: Mapping[str, float]) -> str:
    cells = [f"{counts.get(column, 0):,.0f}" for column in ("trials", "faults", *COLUMNS)]
    return f"| {name} | " + " | ".join(cells) + " |"


def _odd(data: Mapping[str, Any]) -> list[str]:
    skipped = [f"- Skipped here: {kind}: {reason}." for kind, reason in data["skipped"].items()]
    odd = [
        f"- Trial {each['number']} ({each['kind']}): {'; '.join(text for name in COLUMNS for text in each[name])[:400]}"
        for each in data["odd"]
    ]
    failed = [f"- The harness failed in trial {each['number']} ({each['kind']})." for each in data["errors"]]
    found = [*skipped, *odd, *failed]
    fixed = [
        f"- Trial {each['number']} ({each['kind']}, on {each['commit']}): {each['what']} Fixed in {each['by']}; "
        "repeated with that, the trial is clean."
        for each in data.get("fixed", ())
    ]
    return [
        *(["", "What went wrong:\n", *found] if found else []),
        *(["", "What trials found, and what fixed it:\n", *fixed] if fixed else []),
    ]
