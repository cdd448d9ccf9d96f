"""Runs the tests of SQL against its mutants: one process for all, whose databases are loaded once.

Each declared test runs as it is, and once more for each mutant of its files that no test before it has killed, with the
mutated file in a folder that the package takes for `sql`. What a test's module has loaded stays, so a test that applies
a text in a transaction of its own costs milliseconds. Each test runs without a mutant before them and after them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from functools import _lru_cache_wrapper, partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
import pytest

from tmdb_assets_tests.mutants.runner import CHECKOUT, Mutant, start

PLACE = "place_of_mutant"
BEFORE, AFTER = -1, -2
LEAST_S, TIMES = 20.0, 10.0
"""A mutant hangs when a test takes that many times what it takes without it, and so long at least."""
PLAIN = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "--tb=no", "--assert=plain", "-m", "not long")


class Trials:
    """A plugin of pytest: repeats each test with every mutant that it may kill."""

    def __init__(self, mutants: Sequence[Mutant], targets: Mapping[str, Sequence[str]], folder: Path) -> None:
        self._mutants = mutants
        self._targets = targets
        self._folder = folder
        self._seconds: dict[str, float] = {}
        self._place = BEFORE
        self.killed: dict[int, str] = {}
        self.faults: list[str] = []

    @pytest.fixture(name=PLACE)
    def place(self, request: pytest.FixtureRequest) -> Any:
        """The mutant's place; no test reads it."""
        return request.param

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One run of a test for each mutant, and one before and after."""
        node = _declared(metafunc.definition.nodeid)
        places = [
            place
            for place, mutant in enumerate(self._mutants)
            if any(test.partition("[")[0] in (node, node.partition("::")[0]) for test in self._targets[mutant.file])
        ]
        metafunc.fixturenames.append(PLACE)
        metafunc.parametrize(PLACE, [BEFORE, *places, AFTER], ids=str, indirect=True)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is declared for a mutant, and the runs before and after of the same tests."""
        kept = {self._test(item) for item in items if self._place_of(item) >= 0 and self._is_declared(item)}
        items[:] = [
            item for item in items if self._test(item) in kept and (self._place_of(item) < 0 or self._is_declared(item))
        ]

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Put the mutant in its place; skip one that is killed already."""
        self._place = self._place_of(item)
        if self._place in self.killed:
            item.session._setupstate.teardown_exact(nextitem)
            return True
        mutant = self._mutants[self._place] if self._place >= 0 else None
        self._write(mutant)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        """End a test that hangs."""
        began, patience = time.monotonic(), max(LEAST_S, TIMES * self._seconds.get(self._test(item), 60.0))
        signal.signal(signal.SIGALRM, _raise)
        signal.setitimer(signal.ITIMER_REAL, patience)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._seconds.setdefault(self._test(item), time.monotonic() - began)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note who is killed, and a test that fails without a mutant."""
        if report.failed and self._place >= 0:
            self.killed.setdefault(self._place, report.nodeid)
        elif not report.passed and self._place < 0:
            self.faults.append(f"{report.nodeid} without a mutant: {report.outcome} {report.longreprtext}")

    def pytest_sessionfinish(self) -> None:
        """Leave the texts as they are."""
        self._write(None)

    def _place_of(self, item: pytest.Item) -> int:
        return int(item.callspec.params[PLACE])  # type: ignore[attr-defined]

    def _test(self, item: pytest.Item) -> str:
        """The test's name without the place."""
        end = f"-{self._place_of(item)}]"
        node = _declared(item.nodeid)
        return node.removesuffix(end) + "]" if node.endswith(end) else node.partition("[")[0]

    def _is_declared(self, item: pytest.Item) -> bool:
        test = self._test(item)
        names = (test, test.partition("[")[0], test.partition("::")[0])
        return any(name in self._targets[self._mutants[self._place_of(item)].file] for name in names)

    def _write(self, mutant: Mutant | None) -> None:
        for file in self._targets:
            own = mutant.text if mutant and mutant.file == file else (CHECKOUT / file).read_text(encoding="utf-8")
            path = self._folder / file
            if path.read_text(encoding="utf-8") != own:
                path.write_text(own, encoding="utf-8")
        for name, module in list(sys.modules.items()):
            if name.startswith("tmdb_assets.warehouse"):
                for value in vars(module).values():
                    if isinstance(value, _lru_cache_wrapper):
                        value.cache_clear()  # of texts that were read


def _declared(node: str) -> str:
    return node.removeprefix("tmdb_assets_tests/")


def _raise(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError("the test hangs")


def killed_of(mutants: Sequence[Mutant], targets: Mapping[str, Sequence[str]], url: str, jobs: int) -> dict[int, str]:
    """The places of the mutants that a test killed -> that test. So many processes at once, each with its share.

    Raises `click.ClickException` if a test fails without a mutant.
    """
    with tempfile.TemporaryDirectory() as name:
        shares = [range(job, len(mutants), jobs) for job in range(min(jobs, len(mutants)))]
        pids = []
        for job, share in enumerate(shares):
            own, folder = [mutants[place] for place in share], Path(name) / str(job)
            folder.mkdir()
            pids.append(start(partial(_run_trials, own, targets, folder), url, folder / "said"))
        found: dict[int, str] = {}
        for pid, share, folder in zip(pids, shares, sorted(Path(name).iterdir()), strict=True):
            os.waitpid(pid, 0)
            result = folder / "found.json"
            if not result.exists():
                raise click.ClickException((folder / "said").read_text(encoding="utf-8"))
            trials = json.loads(result.read_text(encoding="utf-8"))
            if trials["faults"]:
                raise click.ClickException("\n".join(trials["faults"]))
            found |= {share[int(place)]: test for place, test in trials["killed"].items()}
        return found


def _run_trials(mutants: Sequence[Mutant], targets: Mapping[str, Sequence[str]], folder: Path) -> int:
    """Try the mutants in this process, and write who is killed by whom, and faults, to the folder."""
    import tmdb_assets.settings

    shutil.copytree(CHECKOUT / "sql", folder / "sql")
    tmdb_assets.settings.SQL_DIR = folder / "sql"
    trials = Trials(mutants, targets, folder)
    code = pytest.main([*PLAIN, *_files(targets)], plugins=[trials])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        trials.faults.append((folder / "said").read_text(encoding="utf-8"))
    (folder / "found.json").write_text(json.dumps({"killed": trials.killed, "faults": trials.faults}), "utf-8")
    return 0


def _files(targets: Mapping[str, Collection[str]]) -> list[str]:
    """The files with the tests, each once, in the order of their declarations."""
    files = [test.partition("::")[0] for tests in targets.values() for test in tests]
    return [f"tmdb_assets_tests/{file}" for file in dict.fromkeys(files)]
