"""A command of `tmdb-assets` that serves pages until it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tmdb_assets_tests.stage.ports import free_port
from tmdb_assets_tests.stage.waiting import PATIENCE_S, wait_until


@contextmanager
def started_command(name: str, health: str, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start the command on a free port and wait until the path `health` answers; yield its address.

    At the end of the block it gets SIGTERM. It must then exit with 0, have printed no traceback and leave no process.
    """
    port = free_port()
    command = [sys.executable, "-m", "tmdb_assets.cli.main", name, "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            up = wait_until(lambda: answers(address + health) or process.poll() is not None, every=0.1)
            assert up, log.read_text()
            assert process.poll() is None, log.read_text()
            yield address
            services = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0, log.read_text()
            assert psutil.wait_procs(services, timeout=PATIENCE_S)[1] == []
        finally:
            process.kill()
    assert "Traceback" not in log.read_text()


def answers(address: str) -> bool:
    """Whether a server answers there with status 200."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
