"""Runs the tests of a file against one mutant, in a fork of a process that has only the libraries loaded."""

from __future__ import annotations

import atexit
import importlib
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_RUN = 99
"""The exit code of a fork that could not run the tests."""
LEAST_S, TIMES = 60.0, 6.0
"""A mutant hangs when its tests take that many times what they take without it, and a minute at least."""
LIBRARIES = ("pytest", "dagster", "pandas", "pandera.pandas", "sqlalchemy", "psycopg", "psycopg2", "alembic", "orjson")
LIBRARIES += ("dagster_postgres", "requests", "tenacity", "altair", "pydantic_settings", "hypothesis", "rich.console")
OPTIONS = ("-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-m", "not long")


class Mutant(NamedTuple):
    """A changed file: where, what, and its whole text."""

    file: str
    line: int
    what: str
    text: str

    @property
    def name(self) -> str:
        """What names it in the list of survivors; without the line, which moves."""
        return f"{self.file}: {self.what}"


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from the text of a mutant."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        """The code of the mutant, never of a cache."""
        return compile(self._text, self.path, "exec")


class _MutantFinder:
    """Finds the mutated module before any other finder."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = mutant.file.removesuffix(".py").replace("/", ".")
        self._mutant = mutant

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """The mutated module's, None for any other."""
        if name != self._name:
            return None
        path = str(CHECKOUT / self._mutant.file)
        return importlib.util.spec_from_file_location(name, path, loader=_MutantLoader(name, path, self._mutant.text))


def load_libraries() -> None:
    """Load what every fork needs; nothing of the package."""
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not any(name.split(".")[0] == "tmdb_assets" for name in sys.modules)


def start_tests(mutant: Mutant | None, tests: Sequence[str], server_url: str, out: Path) -> int:
    """Fork a process that runs the tests; its exit code is pytest's. Returns its id."""
    return start(lambda: _run_tests(mutant, tests), server_url, out)


def start(run: Callable[[], int], server_url: str, out: Path) -> int:
    """Fork a process that calls a function, whose result is its exit code, and writes to a file. Returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = NOT_RUN
    with suppress(BaseException):
        atexit._clear()  # what is the parent's, such as its temporary folder
        weakref.finalize._registry.clear()
        os.setsid()
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ["TMDB_TEST_POSTGRES_URL"] = server_url
        os.chdir(CHECKOUT)
        code = run()
        atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def _run_tests(mutant: Mutant | None, tests: Sequence[str]) -> int:
    import pytest

    if mutant:
        sys.meta_path.insert(0, _MutantFinder(mutant))  # type: ignore[arg-type]
    return int(pytest.main([*OPTIONS, *(f"tmdb_assets_tests/{name}" for name in tests)]))


def wait_for(pid: int, deadline: float) -> int | None:
    """The exit code of a fork, None while it runs; one that runs on after the deadline is killed, with code -9."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return os.waitstatus_to_exitcode(status)
    if time.monotonic() > deadline:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return -9
    return None
