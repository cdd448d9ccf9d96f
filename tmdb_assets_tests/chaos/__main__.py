"""The command of the trials: `python -m tmdb_assets_tests.chaos`; `make chaos` calls it."""

from __future__ import annotations

import os
import signal
import sys
import time

import click

from tmdb_assets_tests.chaos.kinds import KINDS
from tmdb_assets_tests.chaos.report import write_report
from tmdb_assets_tests.chaos.results import COLUMNS, FILE, Results
from tmdb_assets_tests.chaos.workers import Plan, run_trials

SEED = 16


def _require_kind(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None and not any(text in kind for kind in KINDS):
        raise click.BadParameter(f"No kind of trial has this text. The kinds: {', '.join(KINDS)}.")
    return text


@click.command()
@click.option("--minutes", default=60.0, show_default=True, help="How long to begin further trials.")
@click.option("--trials", "most", type=int, help="How many to run at most.")
@click.option(
    "--jobs", default=(os.cpu_count() or 1) + 1, show_default=True, help="How many at once; a third is waiting."
)
@click.option("--seed", default=SEED, show_default=True, help="Of a new file of results; a file keeps its own.")
@click.option("--only", metavar="TEXT", callback=_require_kind, help="Only the kinds whose name has this text.")
@click.option("--record", is_flag=True, help="Add to docs/reliability.json, and write docs/reliability.md from it.")
@click.option("--repeat", type=int, metavar="NUMBER", help="Run one trial again.")
def main(
    minutes: float, most: int | None, jobs: int, seed: int, only: str | None, record: bool, repeat: int | None
) -> None:
    """Try the platform under faults. Exit code 1 if anything was lost, doubled, half seen or stuck."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workers end, and their servers
    results = Results(FILE if record else None, seed)
    if repeat is not None:
        results.data["next"], most, jobs = repeat, 1, 1
    began, before = time.monotonic(), results.total("trials")
    run_trials(results, Plan(results, minutes, most, only), jobs)
    if record:
        write_report()
    took = time.monotonic() - began
    click.echo(f"{results.total('trials') - before:.0f} trials in {took / 60:.0f} minutes.")
    click.echo(", ".join(f"{name}: {results.total(name):.0f}" for name in COLUMNS))
    if results.data["errors"]:
        click.echo(f"The harness failed in {len(results.data['errors'])} trials: {results.data['errors'][:3]}")
    raise SystemExit(0 if results.is_clean else 1)


if __name__ == "__main__":
    main()
