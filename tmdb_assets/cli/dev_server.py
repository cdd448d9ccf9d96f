"""The Dagster UI and daemon as a child process of the command: whether it can start, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO

import click
import psutil

from tmdb_assets.errors.problem import plain
from tmdb_assets.instance.same_origin import parse_host
from tmdb_assets.settings import SHIPPED_DIR, get_settings

POLL_SECONDS = 2.0  # how often the child's own children are recorded
STOP_SECONDS = 4  # for runs and services to end; what they stored is safe when they are killed after that
ORPHAN_SECONDS = 2
KILLED_SETTLE_S = 2.0  # in which a run of another process that is alive takes back a lost lock
STOPPING = "Stopping. A run in progress is interrupted: it keeps what it stored and resumes when the daemon is back."


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
    except UnicodeError:
        return f"{plain(host)} is not the name of a host. Choose another with --host."
    return None


def start_ui(host: str, port: int) -> tuple[subprocess.Popen[bytes], threading.Event]:
    """Start `dagster dev`, with a guarded webserver, on the project's workspace; in the environment of this process.

    What it prints goes to stderr until the event is set. It has a session of its own: signals of the terminal reach
    only this process, which stops it.
    """
    workspace = str(SHIPPED_DIR / "workspace.yaml")
    program = [sys.executable, "-m", "tmdb_assets.instance.webserver", "dev", "--log-level", "warning"]
    command = [*program, "-w", workspace, "-h", host, "-p", str(port)]
    # A shell starts background jobs with SIGINT ignored; Dagster would then ignore SIGTERM as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    environment["PYTHONSAFEPATH"] = "1"  # the folder of a command is no place to import from
    if parse_host(f"{host}:{port}"):  # a name to listen on is one that browsers use
        environment["UI_ALLOWED_HOSTS"] = ",".join([*get_settings().allowed_hosts, f"{host}:{port}"])
    child = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        cwd=os.environ["DAGSTER_HOME"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    is_muted = threading.Event()
    threading.Thread(target=_copy, args=(child.stdout, is_muted), daemon=True).start()
    return child, is_muted


def _copy(output: IO[bytes], is_muted: threading.Event) -> None:
    """Copy a child's output to stderr, line by line; without a reader, the child would block."""
    for line in output:
        if not is_muted.is_set():
            with suppress(OSError):  # the terminal was closed
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()


def wait_for_end(child: subprocess.Popen[bytes], is_muted: threading.Event | None = None) -> bool:
    """Wait for the child to end; when this process gets a signal to stop, stop the child and wait for it.

    True if the child was stopped, False if it ended unexpectedly; in both cases no process is left behind. Stopping
    takes a few seconds, and one line; a second signal kills at once.
    """
    services: list[psutil.Process] = []
    try:
        while child.poll() is None:
            services = _children(child) or services
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=POLL_SECONDS)
        _end(services)
        return False
    except (KeyboardInterrupt, SystemExit):
        if is_muted:
            is_muted.set()
        with suppress(OSError):  # the terminal was closed
            click.echo(STOPPING, err=True)
    services = _children(child) or services
    with suppress(KeyboardInterrupt, SystemExit, subprocess.TimeoutExpired):
        deadline = time.monotonic() + STOP_SECONDS
        # A code server waits for its runs, so these end first.
        for run in filter(_is_run, services):
            with suppress(psutil.NoSuchProcess):
                run.terminate()
        child.send_signal(signal.SIGINT)
        child.wait(STOP_SECONDS)
        psutil.wait_procs(services, timeout=max(0, deadline - time.monotonic()))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child.kill()
    for service in services:
        with suppress(psutil.NoSuchProcess):
            service.kill()
    child.wait()
    psutil.wait_procs(services, timeout=ORPHAN_SECONDS)
    return True


def _is_run(process: psutil.Process) -> bool:
    """Whether a service is a run's process: the code server starts each by multiprocessing."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return any("multiprocessing.spawn" in part for part in process.cmdline())
    return False


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
