"""What the command says to arguments that it refuses: many of them in one process, whose imports cost a second."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tmdb_assets.settings import PROJECT_ROOT

PROGRAM = """
import json, sys
from click.testing import CliRunner
from tmdb_assets.cli.main import main
told = [CliRunner().invoke(main, arguments, prog_name="tmdb-assets") for arguments in json.loads(sys.argv[1])]
print(json.dumps([[each.exit_code, each.stdout, each.stderr] for each in told]))
"""


class Told(NamedTuple):
    """The exit code of a command, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def refusals(commands: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> dict[str, Told]:
    """What came of each command, by its name; `commands` are its arguments."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(list(commands.values()))],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return {name: Told(*told) for name, told in zip(commands, json.loads(done.stdout), strict=True)}
