"""The command in processes of its own, on any day: started, looked at, signalled, waited for."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.stage.command import PYTHON
from tmdb_assets_tests.stage.waiting import wait_until

DEADLINE_S = 240.0
"""After which a command counts as stuck: the longest outage of a trial takes a tenth of it."""
ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child")


def can_be_alone() -> bool:
    """Whether processes can be given process ids of their own, as on another machine."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode == 0


class Process:
    """A run of the command."""

    def __init__(self, machine: Machine, pid: int, out: Path) -> None:
        self.machine, self.pid, self.out = machine, pid, out
        self.is_log = False
        """Whether it prints a log of services, and not only its own sentences."""

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.machine.ask(do="look", pid=self.pid)["code"]

    @property
    def said(self) -> str:
        """What it has printed."""
        return self.out.read_text(errors="replace")

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to it and its children; whether it still ran."""
        return self.machine.ask(do="signal", pid=self.pid, number=int(number))["code"] is None

    def kill(self) -> bool:
        """Kill it and its children; whether it still ran."""
        was_alive = self.send(signal.SIGKILL)
        self.wait()
        return was_alive

    def until_cpu(self, seconds: float) -> bool:
        """Wait until it has used that much CPU, a moment that does not depend on the machine; whether it still runs."""

        def has_come() -> bool:
            found = self.machine.ask(do="look", pid=self.pid)
            return found["code"] is not None or (found["cpu"] or 0.0) >= seconds

        return wait_until(has_come, DEADLINE_S, every=0.02) and self.code is None

    def until(self, has_come: Callable[[], object]) -> bool:
        """Wait for a moment; whether it came while the process was running."""
        wait_until(lambda: self.code is not None or has_come(), DEADLINE_S, every=0.02)
        return self.code is None

    def wait_up_to(self, seconds: float) -> None:
        """Let time pass, or until it ends."""
        wait_until(lambda: self.code is not None, seconds, every=0.05)

    def wait(self, seconds: float = DEADLINE_S) -> int | None:
        """Its exit code, None if it is still running after that time; then it is killed."""
        if wait_until(lambda: self.code is not None, seconds, every=0.05):
            return self.code
        self.send(signal.SIGKILL)
        wait_until(lambda: self.code is not None, seconds, every=0.05)
        return None


class Machine:
    """A fork server with a home folder; `is_other` gives it process ids and a host of its own, as far as possible."""

    def __init__(self, home: Path, *, is_other: bool = False) -> None:
        self.home, self._lock, self._numbers = home, threading.Lock(), itertools.count(1)
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        self._environment = {**kept, "HOME": str(home), "TMDB_ASSETS_HOME": str(home), "PYTHONWARNINGS": "ignore"}
        self._environment |= {"PYTHONPATH": str(PROJECT_ROOT)}
        prefix = ALONE if is_other and can_be_alone() else ()
        program = [sys.executable, *PYTHON[1:], "-m", "tmdb_assets_tests.chaos.fork_server"]
        with (home / "fork_server.log").open("a") as log:
            self._server = subprocess.Popen(
                [*prefix, *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=PROJECT_ROOT,
                env=self._environment,
                start_new_session=True,
            )
        assert self._server.stdout is not None
        if self._server.stdout.readline() != "ready\n":
            raise ChildProcessError((home / "fork_server.log").read_text())

    def ask(self, **asked: Any) -> Any:
        """The fork server's answer."""
        with self._lock:
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            self._server.stdin.write(json.dumps(asked) + "\n")
            self._server.stdin.flush()
            return json.loads(self._server.stdout.readline())

    def start(self, settings: Mapping[str, str], moment: dt.datetime, *arguments: str) -> Process:
        """Start the command at a moment of its clock."""
        out = self.home / f"out-{next(self._numbers)}"
        environment = {**self._environment, **settings}
        asked = {"environment": environment, "arguments": arguments, "moment": moment.isoformat(), "out": str(out)}
        return Process(self, self.ask(do="start", **asked), out)

    def end(self) -> None:
        """End the fork server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
