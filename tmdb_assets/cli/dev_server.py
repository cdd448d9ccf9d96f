"""The Dagster UI and daemon as a child process of the command: whether it can start, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import psutil

from tmdb_assets.instance.same_origin import parse_host
from tmdb_assets.settings import SHIPPED_DIR, get_settings

POLL_SECONDS = 2.0  # how often the child's own children are recorded
SHUTDOWN_SECONDS = 90  # Dagster's own services get 60 to end their runs
ORPHAN_SECONDS = 10


def port_fault(host: str, port: int) -> str | None:
    """Why nothing can listen there, in one line; Dagster would print a stack trace after half a minute."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just released is free
            probe.bind(address)
    except OSError as error:
        reason = f"Nothing can listen on {host}:{port} ({error.strerror})."
        return f"{reason} Stop the program that uses it, or choose another port with --port."
    return None


def start_ui(host: str, port: int) -> subprocess.Popen[bytes]:
    """Start `dagster dev`, with a guarded webserver, on the project's workspace; in the environment of this process."""
    workspace = str(SHIPPED_DIR / "workspace.yaml")
    program = [sys.executable, "-m", "tmdb_assets.instance.webserver", "dev"]
    command = [*program, "-w", workspace, "-h", host, "-p", str(port)]
    # A shell starts background jobs with SIGINT ignored; Dagster would then ignore SIGTERM as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    if parse_host(f"{host}:{port}"):  # a name to listen on is one that browsers use
        environment["UI_ALLOWED_HOSTS"] = ",".join([*get_settings().allowed_hosts, f"{host}:{port}"])
    return subprocess.Popen(command, cwd=os.environ["DAGSTER_HOME"], env=environment)  # noqa: S603 - our own interpreter


def wait_for_end(child: subprocess.Popen[bytes]) -> bool:
    """Wait for the child to end; when this process gets a signal to stop, stop the child and wait for it.

    True if the child was stopped, False if it ended unexpectedly; in both cases no process is left behind.
    """
    services: list[psutil.Process] = []
    try:
        while child.poll() is None:
            services = _children(child) or services
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=POLL_SECONDS)
        _end(services)
        return False
    except KeyboardInterrupt:
        pass  # Ctrl-C reaches the child as well: it shares the terminal
    except SystemExit:
        child.send_signal(signal.SIGTERM)
    services = _children(child) or services
    try:
        child.wait(timeout=SHUTDOWN_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):  # too slow, or Ctrl-C again
        child.kill()
        child.wait()
        _end(services)
    return True


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _end(services: list[psutil.Process]) -> None:
    """End the processes that a killed child left behind; psutil spares an id that another program has taken over."""
    for service in services:
        with suppress(psutil.NoSuchProcess):
            service.terminate()
    _, alive = psutil.wait_procs(services, timeout=ORPHAN_SECONDS)
    for service in alive:
        with suppress(psutil.NoSuchProcess):
            service.kill()
