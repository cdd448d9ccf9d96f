"""The command of the mutants: `python -m tmdb_assets_tests.mutants`; `make mutants` calls it."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tmdb_assets_tests.chaos.postgres import Postgres
from tmdb_assets_tests.mutants.python_code import python_mutants
from tmdb_assets_tests.mutants.python_runner import survivors_of
from tmdb_assets_tests.mutants.runner import CHECKOUT, Mutant, load_libraries
from tmdb_assets_tests.mutants.sql_runner import killed_of
from tmdb_assets_tests.mutants.sql_text import sql_mutants
from tmdb_assets_tests.mutants.targets import TARGETS
from tmdb_assets_tests.stage.ports import free_port

RESULTS = CHECKOUT / "docs" / "mutants.json"
SEED = 16


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of a file, in its order."""
    text = (CHECKOUT / file).read_text(encoding="utf-8")
    made = python_mutants(text) if file.endswith(".py") else sql_mutants(text)
    return list(dict.fromkeys(Mutant(file, line, what, changed) for line, what, changed in made))


def try_file(file: str, most: int | None, url: str, jobs: int, only: str | None) -> dict[str, object]:
    """Run the tests of a Python file against its mutants, or a drawn sample; returns its line of the results."""
    everything, tests = mutants_of(file), _existing(TARGETS[file])
    mutants = _sample(file, most, only)
    began = time.monotonic()
    survivors = sorted(survivors_of(mutants, tests, url, jobs), key=lambda mutant: mutant.line)
    for mutant in survivors:
        click.echo(f"  survived: line {mutant.line}: {mutant.what}")
    seconds = time.monotonic() - began
    click.echo(f"{file}: {len(mutants) - len(survivors)} of {len(mutants)} killed in {seconds:.0f} s")
    return _result(len(everything), len(mutants), survivors)


def _sample(file: str, most: int | None, only: str | None) -> list[Mutant]:
    """The mutants of a file that are to be tried."""
    mutants = [mutant for mutant in mutants_of(file) if only is None or only in mutant.what]
    if most is not None and len(mutants) > most:
        mutants = random.Random(f"{SEED} {file}").sample(mutants, most)
    return mutants


def try_sql(files: Sequence[str], most: int | None, url: str, jobs: int, only: str | None) -> dict[str, Any]:
    """Run the tests of SQL files against their mutants; returns their lines of the results."""
    targets, began = {file: TARGETS[file] for file in files}, time.monotonic()
    mutants = [mutant for file in files for mutant in _sample(file, most, only)]
    killed, found = killed_of(mutants, targets, url, jobs), {}
    for file in files:
        own = [(place in killed, mutant) for place, mutant in enumerate(mutants) if mutant.file == file]
        survivors = sorted((mutant for is_killed, mutant in own if not is_killed), key=lambda mutant: mutant.line)
        for mutant in survivors:
            click.echo(f"  survived: line {mutant.line}: {mutant.what}")
        click.echo(f"{file}: {len(own) - len(survivors)} of {len(own)} killed")
        found[file] = _result(len(mutants_of(file)), len(own), survivors)
    click.echo(f"{len(mutants)} mutants of SQL in {time.monotonic() - began:.0f} s")
    return found


def _result(everything: int, tried: int, survivors: Sequence[Mutant]) -> dict[str, object]:
    names = [mutant.name for mutant in survivors]
    return {"mutants": everything, "tried": tried, "killed": tried - len(survivors), "survivors": names}


def _existing(tests: Sequence[str]) -> list[str]:
    return [name for name in tests if (CHECKOUT / "tmdb_assets_tests" / name).exists()]


@click.command()
@click.option("--file", "part", default="", metavar="TEXT", help="Only the files whose path has this text.")
@click.option("--most", type=int, help="A drawn sample of that many mutants of each file.")
@click.option("--only", metavar="TEXT", help="Only the mutants whose change has this text; nothing is recorded.")
@click.option("--jobs", default=os.cpu_count() or 2, show_default=True, help="How many at once.")
@click.option("--list", "show", is_flag=True, help="Print the mutants and run nothing.")
def main(part: str, most: int | None, only: str | None, jobs: int, show: bool) -> None:
    """Put small faults into the package one by one, and see which tests notice."""
    files = [file for file in TARGETS if part in file]
    if not files:
        raise click.BadParameter("No file of mutants/targets.py has this text.", param_hint="--file")
    if show:
        for file in files:
            for mutant in mutants_of(file):
                click.echo(f"{file}:{mutant.line}: {mutant.what}")
        return
    load_libraries()
    folder, port = Path(tempfile.mkdtemp(prefix="tmdb-mutants-", dir=_memory())), free_port()
    folder.chmod(0o755)
    server = Postgres(folder / "pg", port=port)
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        sql = [file for file in files if file.endswith(".sql")]
        found = try_sql(sql, most, url, jobs, only) if sql else {}
        if only is None:
            _record(found)
        for file in files:
            if file not in found:
                found = {file: try_file(file, most, url, jobs, only)}
                if only is None:
                    _record(found)
        if only is None:
            _write_page()
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


def _write_page() -> None:
    from tmdb_assets_tests.chaos.report import write_report  # loads the package, which no fork may inherit

    write_report()


def _memory() -> Path | None:
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def _record(found: dict[str, Any]) -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    text = json.dumps({**results, **found}, indent=1, ensure_ascii=False, sort_keys=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
