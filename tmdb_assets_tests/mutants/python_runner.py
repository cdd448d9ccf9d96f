"""Tries the mutants of a Python file: each in a fork of a process that has run the file's tests once without it.

That first run says which tests come to which lines, and what each takes. A mutant is tried by the tests that come to
its statement, first those that killed its neighbours, then the quickest. The fork has all modules, the collected tests,
the schema and the loaded databases of the session already. What survives there, and what takes effect at import only,
is tried again in a process that imports the mutant.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from tmdb_assets_tests.mutants.in_place import Loaded, Place, forget_results, place_of
from tmdb_assets_tests.mutants.runner import (
    CHECKOUT,
    LEAST_S,
    NOT_RUN,
    OPTIONS,
    TIMES,
    Mutant,
    start,
    start_tests,
    wait_for,
)

KILLED, SURVIVED, ONLY_BY_IMPORT = 1, 0, 98
FIRST_S = 3600.0


def survivors_of(mutants: Sequence[Mutant], tests: Sequence[str], url: str, jobs: int) -> list[Mutant]:
    """The mutants of one file that no test notices."""
    if not mutants:
        return []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out, found = Path(folder) / "out", Path(folder) / "found.json"
        pid = start(lambda: _try_warm(mutants, tests, jobs, found), url, out)
        code, deadline = None, time.monotonic() + FIRST_S
        while code is None:
            code = wait_for(pid, deadline)
            time.sleep(0.1)
        if code or not found.exists():
            raise click.ClickException(out.read_text(errors="replace"))
        again: dict[str, list[str]] = json.loads(found.read_text(encoding="utf-8"))
        seconds = time.monotonic() - began
        click.echo(f"  {len(mutants) - len(again)} of {len(mutants)} killed in place in {seconds:.0f} s")
        alive = [place for place, names in again.items() if names]
        jobs_of = {place: again[place] for place in alive}
        killed = set(_by_import(mutants, jobs_of, url, jobs, Path(folder)))
    return [mutants[int(place)] for place in again if place not in killed]


def _by_import(
    mutants: Sequence[Mutant], tests: dict[str, list[str]], url: str, jobs: int, folder: Path
) -> Iterator[str]:
    """The places of those that a process which imports them notices."""
    waiting, running = [*tests][::-1], dict[int, tuple[str, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            place = waiting.pop()
            pid = start_tests(mutants[int(place)], tests[place], url, folder / place)
            running[pid] = place, time.monotonic() + LEAST_S * 10
        for pid, (place, deadline) in [*running.items()]:
            code = wait_for(pid, deadline)
            if code is not None:
                del running[pid]
                if code == NOT_RUN:
                    raise click.ClickException((folder / place).read_text(errors="replace"))
                if code != SURVIVED:
                    yield place
        time.sleep(0.05)


def _try_warm(mutants: Sequence[Mutant], tests: Sequence[str], jobs: int, found: Path) -> int:
    import pytest

    forks = _Forks(mutants, jobs, found)
    code = int(pytest.main([*OPTIONS, *(f"tmdb_assets_tests/{name}" for name in tests)], plugins=[forks]))
    return 0 if found.exists() else code or NOT_RUN


class _Forks:
    """A plugin of pytest that runs the tests once, and then in a fork for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], jobs: int, found: Path) -> None:
        self.mutants, self.jobs, self.found = mutants, jobs, found
        file = CHECKOUT / mutants[0].file
        self.path, text = str(file), file.read_text(encoding="utf-8")
        self.module = mutants[0].file.removesuffix(".py").replace("/", ".")
        self.places: list[Place] = [place_of(text, mutant.line) for mutant in mutants]
        self.seen: dict[int, set[int]] = {}
        self.seconds: dict[int, float] = {}
        self.killers: dict[str, list[int]] = defaultdict(list)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run the tests without a mutant, then with each; the results are in `found`."""
        self.session, self.items = session, session.items
        for number, item in enumerate(self.items):
            following = self.items[number + 1] if number + 1 < len(self.items) else _Nothing(session)
            reports = self._traced(number, item, following)
            if any(report.failed for report in reports):
                session.shouldfail = "the tests fail without a mutant"
                return True
        self._prepare()
        results = dict(self._outcomes())
        again = {str(n): self._names(n) for n in range(len(self.mutants)) if results[n] in (SURVIVED, ONLY_BY_IMPORT)}
        self.found.write_text(json.dumps(again), encoding="utf-8")
        session._setupstate.teardown_exact(None)
        return True

    def _prepare(self) -> None:
        """Find what every fork needs, and then leave all objects alone: a page that is written to is copied."""
        import sqlalchemy as sa

        gc.unfreeze()
        gc.collect()
        self.loaded = Loaded(importlib.import_module(self.module))
        self.engines = [thing for thing in gc.get_objects() if isinstance(thing, sa.Engine)]
        gc.freeze()

    def _traced(self, number: int, item: Any, following: Any) -> list[Any]:
        """Run one test, and keep the lines of the file to which it came, and its time."""
        from _pytest.runner import runtestprotocol

        lines: set[int] = set()

        def trace(frame: Any, event: str, _argument: object) -> Any:
            if frame.f_code.co_filename != self.path:
                return None
            lines.add(frame.f_lineno)
            return trace

        if self.module in sys.modules:
            forget_results(sys.modules[self.module])
        began = time.monotonic()
        threading.settrace(trace)
        sys.settrace(trace)
        try:
            reports: list[Any] = runtestprotocol(item, nextitem=following, log=True)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
        self.seconds[number], self.seen[number] = time.monotonic() - began, lines
        return reports

    def _chosen(self, number: int) -> list[int]:
        """The tests that come to a mutant's statement, in the order in which they run; all, if it runs at import."""
        lines, function = self.places[number]
        tests = [test for test, seen in self.seen.items() if not function or not seen.isdisjoint(lines)]
        killers = self.killers[function]
        return sorted(tests, key=lambda test: (-killers.count(test), self.seconds[test]))

    def _names(self, number: int) -> list[str]:
        """The same for a process of its own."""
        return [self.items[test].nodeid.removeprefix("tmdb_assets_tests/") for test in self._chosen(number)]

    def _outcomes(self) -> Iterator[tuple[int, int]]:
        """The number of each mutant and its outcome."""
        waiting, running = [*range(len(self.mutants))][::-1], dict[int, tuple[int, float, Path]]()
        while waiting or running:
            while waiting and len(running) < self.jobs:
                number, chosen = waiting[-1], self._chosen(waiting.pop())
                if not chosen:
                    yield number, SURVIVED
                    continue
                limit = time.monotonic() + max(LEAST_S, TIMES * sum(self.seconds[test] for test in chosen))
                killer = self.found.with_name(f"killer-{number}")
                running[self._fork(number, chosen, killer)] = number, limit, killer
            for pid, (number, limit, killer) in [*running.items()]:
                code = wait_for(pid, limit)
                if code is not None:
                    del running[pid]
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)  # what a killed test has left
                    if killer.exists():
                        self.killers[self.places[number].function].append(int(killer.read_text()))
                    yield number, code
            time.sleep(0.01)

    def _fork(self, number: int, chosen: Sequence[int], killer: Path) -> int:
        pid = os.fork()
        if pid == 0:
            self._run(number, chosen, killer)
        return pid

    def _run(self, number: int, chosen: Sequence[int], killer: Path) -> NoReturn:
        """In the fork: put the mutant in, and run tests until one fails."""
        code = NOT_RUN
        with suppress(BaseException):
            os.setsid()
            for engine in self.engines:
                engine.dispose(close=False)  # a fork has connections of its own
            code = ONLY_BY_IMPORT
            if self.loaded.put_in(self.mutants[number].text, self.places[number].function):
                code = self._first_failure(chosen, killer)
        os._exit(code)

    def _first_failure(self, chosen: Sequence[int], killer: Path) -> int:
        from _pytest.runner import runtestprotocol

        for place, test in enumerate(chosen):
            following = self.items[chosen[place + 1]] if place + 1 < len(chosen) else _Nothing(self.session)
            reports = runtestprotocol(self.items[test], nextitem=following, log=False)
            if any(report.failed for report in reports):
                killer.write_text(str(test), encoding="utf-8")
                self.session._setupstate.teardown_exact(_Nothing(self.session))
                return KILLED
        return SURVIVED


class _Nothing:
    """Stands for a next test of another file: what belongs to the session stays."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def listchain(self) -> list[Any]:
        """The collectors above it."""
        return [self.session]
