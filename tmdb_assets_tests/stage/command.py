"""The command `tmdb-assets` in its own processes, with every setting given, so that `.env` does not apply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets_tests.stage.waiting import PATIENCE_S

PYTHON = (sys.executable, "-W", "ignore")
COMMAND = (*PYTHON, "-m", "tmdb_assets.cli.main")
# The command with reports that draw nothing: pictures are two fifths of a run's time.
DRAW_NOTHING = """
from tmdb_assets.assets import reports
from tmdb_assets.cli.main import main
reports.draw = lambda *_: {}
main(prog_name="tmdb-assets")
"""
WITHOUT_PICTURES = (*PYTHON, "-c", DRAW_NOTHING)
MANY_REFUSALS = """
import json, sys
from click.testing import CliRunner
from tmdb_assets.cli.main import main
results = [CliRunner().invoke(main, arguments, prog_name="tmdb-assets") for arguments in json.loads(sys.argv[1])]
print(json.dumps([[each.exit_code, each.stdout, each.stderr] for each in results]))
"""


class Api(Protocol):
    """What a command needs to know of its API server."""

    token: str
    url: str


class Refusal(NamedTuple):
    """The exit code of a command, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def command_environment(database: sa.URL, api: Api, **changes: str) -> dict[str, str]:
    """The environment for a command on this database and server, with `changes` to it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TMDB_", "DAGSTER_"))}
    settings = {
        "WAREHOUSE_URL": render_url(database),
        "TMDB_TOKEN": api.token,
        "TMDB_API_URL": api.url,
        "TMDB_EXPORT_URL": api.url.removesuffix("/3") + "/p/exports",
        "TMDB_DETAILS_MAX_AGE_DAYS": "30",
        "TMDB_RATE_LIMIT": "0",
        "TMDB_APPEND": "off",  # most catalogues of tests were recorded without parts; those with them are loaded too
        "TMDB_PAGES": "100",
        "TMDB_LANGUAGE": "en-US",
        "TMDB_FIRST_DAY": "2025-08-11",
    }
    return {**kept, **settings, **changes}


def start(environment: Mapping[str, str], *arguments: str, program: Sequence[str] = COMMAND) -> subprocess.Popen[str]:
    """Start the command, or another program, with these arguments; `finish` waits for its end."""
    return subprocess.Popen(
        [*program, *arguments],
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process; return its exit code and what it printed. It is killed after PATIENCE_S."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def run(
    environment: Mapping[str, str], *arguments: str, program: Sequence[str] = COMMAND
) -> subprocess.CompletedProcess[str]:
    """Run the command, or another program, to its end; it must not print a traceback."""
    done = finish(start(environment, *arguments, program=program))
    assert "Traceback" not in done.stdout + done.stderr
    return done


def refusals(commands: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> dict[str, Refusal]:
    """The outcome of each command by name, all in one process, whose imports take a second.

    `commands` are the arguments of each, which the command refuses or quickly does.
    """
    done = run(environment, json.dumps(list(commands.values())), program=(*PYTHON, "-c", MANY_REFUSALS))
    assert (done.returncode, done.stderr) == (0, "")
    return {name: Refusal(*each) for name, each in zip(commands, json.loads(done.stdout), strict=True)}
