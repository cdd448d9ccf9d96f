"""Runs what needs pandas, Altair and the drawing engine in a process of its own, so that its memory is not a load's.

The process starts at the first call and ends with this one, however that ends: its standard input closes. It gets no
setting of the platform, nor what else may hold a secret. It is not a process of the terminal: Ctrl-C interrupts the
caller, which then ends it.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pkgutil import resolve_name
from typing import IO, Any, TypeVar, cast

from tmdb_assets.settings.programs import environment_without_secrets

# -P: a folder in which a command was given is no place to import from.
COMMAND = [sys.executable, "-P", "-c", "from tmdb_assets.charts.apart import serve; serve()"]
STOP_TIMEOUT_S = 2
Result = TypeVar("Result")

_lock = threading.Lock()
_running: list[_OtherProcess] = []
_is_ending = threading.Event()  # this process: what it began ahead starts no other one


class ProcessEndedError(Exception):
    """The other process ended before it answered; the message says how. The next call starts a new one."""


def apart(function: str, *arguments: Any, **named: Any) -> Any:
    """Call a function, given as `module:name`, with arguments that can be pickled, in the other process.

    Returns its result, raises what it raises, or `ProcessEndedError`.
    """
    with _lock:
        if _is_ending.is_set():
            raise ProcessEndedError("The process that asks for pictures or the dashboard is about to end")
        process = _running[0] if _running and _running[0].is_alive else _OtherProcess.start()
        try:
            process.send(function, arguments, named)
            error, result = pickle.load(process.answers)  # noqa: S301 - from our own process, by a pipe
        except (EOFError, OSError) as ended:
            raise ProcessEndedError(
                f"The process that draws pictures and the dashboard ended with code {_stop(STOP_TIMEOUT_S)}; "
                "-9 means that it was killed, as by a machine without enough memory"
            ) from ended
        except BaseException:  # interrupted: an answer that is still to come would be taken for the next one
            _stop()
            raise
    if error is not None:
        raise error
    return result


def ahead(work: Callable[..., Result], *arguments: Any) -> Future[Result]:
    """Begin work that calls `apart`, and go on; the future has what it returns or raises.

    A process that ends does not wait for what it began.
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future


def prepare(function: str) -> None:
    """Start the other process, if none runs, with a call whose result nobody waits for."""
    with _lock, suppress(OSError):  # the first real call says what is wrong
        if not _running or not _running[0].is_alive:
            _OtherProcess.start().send(function, (), {}, is_answered=False)


@dataclass(frozen=True)
class _OtherProcess:
    process: subprocess.Popen[bytes]
    calls: IO[bytes]
    answers: IO[bytes]

    @classmethod
    def start(cls) -> _OtherProcess:
        process = subprocess.Popen(  # noqa: S603
            COMMAND,
            env=environment_without_secrets(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started = cls(process, cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout))
        _running[:] = [started]
        return started

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def send(
        self, function: str, arguments: tuple[Any, ...], named: dict[str, Any], *, is_answered: bool = True
    ) -> None:
        pickle.dump((function, arguments, named, is_answered), self.calls, pickle.HIGHEST_PROTOCOL)
        self.calls.flush()

    def stop(self, timeout_s: float) -> int:
        if not timeout_s:
            self.process.kill()  # it has nothing that could be lost; a thread that waits for it wakes
        with suppress(OSError):
            self.calls.close()
        try:
            return self.process.wait(timeout_s or None)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.answers.close()


def _stop(timeout_s: float = 0) -> int | None:
    """End the process, if there is one; return its exit code."""
    with suppress(IndexError):
        return _running.pop().stop(timeout_s)
    return None


@atexit.register
def _end() -> None:
    """End the process, and keep threads that wait for their turn from starting another one, which would outlive us."""
    _is_ending.set()
    _stop()
    by = time.monotonic() + STOP_TIMEOUT_S
    while not _lock.acquire(timeout=0.05) and time.monotonic() < by:
        _stop()  # started by the thread whose turn it was


class _WithoutArrow(MetaPathFinder):
    """Refuses pyarrow, which pandas imports where it finds it, for 25 MB: no picture needs it."""

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        if fullname == "pyarrow":
            raise ModuleNotFoundError("pyarrow is not used here", name=fullname)


def serve() -> None:
    """Answer calls from standard input on standard output until the input closes."""
    gc.set_threshold(50_000, 20, 100)
    sys.meta_path.insert(0, _WithoutArrow())
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments, named, is_answered = pickle.load(calls)  # noqa: S301
            answer: tuple[Exception | None, Any]
            try:
                answer = (None, resolve_name(function)(*arguments, **named))
            except Exception as error:
                answer = (error, None)
            if is_answered:
                pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
                answers.flush()
    gc.freeze()
