"""Runs of the command, forked from a process that has loaded its modules: this saves two thirds of a run's CPU time.

One line of JSON on standard input is a request, one on standard output the answer. Each child is a session of its own.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pkgutil import resolve_name
from typing import Any

import altair  # noqa: F401 - this and the others only to have them loaded
import pandas  # noqa: F401
import pandera.pandas  # noqa: F401

import tmdb_assets.cli.console
import tmdb_assets.cli.in_process
import tmdb_assets.cli.main
import tmdb_assets.cli.maintenance
import tmdb_assets.dashboard.build
import tmdb_assets.definitions
import tmdb_assets.instance.launcher
import tmdb_assets.instance.storage
from tmdb_assets import partitions
from tmdb_assets.assets import dashboard, reports
from tmdb_assets.fetch import catalogue, details, discover
from tmdb_assets.settings import Settings, get_settings

TICKS = os.sysconf("SC_CLK_TCK")


def make_small() -> None:
    """Store small batches, so that a day of few films has many moments, and draw nothing: pictures store no rows."""
    details.FILMS_A_BATCH = 4
    discover.PAGES_A_BATCH = catalogue.PAGES_A_BATCH = 1
    reports.draw = lambda *_: {}
    dashboard.apart = lambda function, *given, **named: resolve_name(function)(*given, **named)  # no other process
    Settings.model_config["env_file"] = None


def run_command(asked: Mapping[str, Any]) -> int:
    """Run the command in this process; return its exit code."""
    os.setsid()
    output = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["environment"])
    get_settings.cache_clear()
    ahead = dt.datetime.fromisoformat(asked["moment"]) - dt.datetime.now(dt.UTC)
    partitions.now = lambda: dt.datetime.now(dt.UTC) + ahead
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        tmdb_assets.cli.main.main(asked["arguments"], prog_name="tmdb-assets")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def start(asked: Mapping[str, Any]) -> int:
    """Fork a run; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    with suppress(BaseException):
        code = run_command(asked)
    import atexit
    import threading

    with suppress(BaseException):
        threading._shutdown()  # what the interpreter does at its end
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def used_cpu(pid: int) -> float | None:
    """The CPU seconds that a child has used, None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def say(line: str) -> None:
    """Answer with one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer requests until the input ends."""
    make_small()
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "start":
            answer: Any = start(asked)
        else:
            pid = asked["pid"]
            if pid not in ended:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            if asked["do"] == "signal" and pid not in ended:
                with suppress(ProcessLookupError):
                    os.killpg(pid, asked["number"])
            answer = {"code": ended.get(pid), "cpu": None if pid in ended else used_cpu(pid)}
        say(json.dumps(answer))


if __name__ == "__main__":
    main()
